/** What stages share: the options, and a registry and a file system that are made when first asked for. */
import { performance } from "node:perf_hooks"
import { type Disk, openDisk } from "./measure/Disk.ts"
import { type Figure, figure } from "./measure/Figure.ts"
import { type LocalRegistry, startLocalRegistry } from "./measure/LocalRegistry.ts"
import { spread } from "./measure/statistics.ts"
import type { Options } from "./Options.ts"

/** One question. A file of its own in `stages/`, whose name without `.ts` is the stage's. */
export interface Stage {
  readonly question: string
  readonly run: (bench: Bench) => Promise<ReadonlyArray<Figure>>
}

export class Bench implements AsyncDisposable {
  readonly options: Options
  readonly #open: Array<AsyncDisposable> = []
  #registry: Promise<LocalRegistry> | undefined
  #disk: Promise<Disk> | undefined

  constructor(options: Options) {
    this.options = options
  }

  /** `host:port` of a registry that has the image. */
  readonly registry = async (image: string): Promise<string> => {
    if (this.options.registry !== undefined) return this.options.registry
    this.#registry ??= startLocalRegistry().then(this.use)
    const { host, provide } = await this.#registry
    await provide(image)
    return host
  }

  readonly disk = (): Promise<Disk> => {
    this.#disk ??= openDisk(this.options.at).then(this.use)
    return this.#disk
  }

  /** Closed with the suite, the last one first. */
  readonly use = <A extends AsyncDisposable>(resource: A): A => {
    this.#open.push(resource)
    return resource
  }

  /** `usual` rounds, or as many as `--rounds` says. */
  readonly rounds = (usual: number): number => this.options.rounds ?? (this.options.quick ? 1 : usual)

  /** Calls `once` so often after one call that does not count; it returns what it measured. */
  readonly repeat = async (what: string, unit: Figure["unit"], usual: number, once: () => Promise<number>) => {
    await once()
    const values: Array<number> = []
    for (let round = 0; round < this.rounds(usual); round++) values.push(await once())
    return figure(what, unit, spread(values))
  }

  readonly [Symbol.asyncDispose] = async (): Promise<void> => {
    for (const resource of this.#open.splice(0).reverse()) await resource[Symbol.asyncDispose]()
  }
}

/** Milliseconds. */
export const timed = async (work: () => unknown): Promise<number> => {
  const began = performance.now()
  await work()
  return performance.now() - began
}
