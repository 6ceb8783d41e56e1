/** Two registries in this process; the puller is a process of its own, whose `workers` is the number of its cores. */
import { fileURLToPath } from "node:url"
import { type FaultAction, fault, image, Prng, startRegistry, type TestRegistry } from "../../src/testing/index.ts"
import type { Bench } from "../Bench.ts"
import { measure } from "../measure/Command.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { spread } from "../measure/statistics.ts"
import { here } from "../peers/ociflow.ts"

export const question =
  "What do slow layers cost: a tiny image beside two stalled ones, and eight at 1 MB/s with one worker?"

const script = fileURLToPath(new URL("../processes/beside.mjs", import.meta.url))

interface Order {
  /** Pulled before: waited for to its end, or until each of its layers has so many bytes. */
  readonly before?: string
  readonly bytes?: number
  readonly reference: string
  readonly options: { readonly workers: number; readonly concurrency: number }
}

/** Seconds of the pull alone. */
const pulled = async (root: string, order: Order): Promise<number> => {
  const { stdout } = await measure({ argv: [process.execPath, script, JSON.stringify({ tree: here, root, ...order })] })
  return Number(stdout.trim()) / 1000
}

const noise = (name: string, bytes: number) => ({ files: { [name]: new Prng(name).bytes(bytes) } })

const slowDown = (registry: TestRegistry, layers: ReadonlyArray<{ readonly digest: string }>, action: FaultAction) => {
  for (const { digest } of layers) registry.fault({ kind: "blob", reference: digest }, action)
}

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const disk = await bench.disk()
  const size = bench.options.quick ? 1e6 : 8e6
  const names = ["a", "b", "c", "d", "e", "f", "g", "h"]
  const eight = await image({ layers: names.map((name) => noise(name, size)) })
  const one = await image({ layers: [noise("one", size)] })
  const two = await image({ layers: [noise("x", 4e6), noise("y", 4e6)] })
  await using slow = await startRegistry({ images: { "eight:1": eight, "one:1": one, "two:1": two } })
  await using other = await startRegistry({ images: { "tiny:1": await image(), "two:1": two } })
  const layersOf = ({ manifests }: typeof eight) => manifests[0]?.layers ?? []
  slowDown(slow, [...layersOf(eight), ...layersOf(one)], fault.slow({ bytesPerSecond: 1e6 }))
  slowDown(slow, layersOf(two), fault.stall(1e6))

  const [tiny, defaults] = [other.reference("tiny:1"), { workers: 2, concurrency: 3 }]
  const single = { workers: 1, concurrency: 8 }
  const ways = {
    tiny: { reference: tiny, options: defaults, before: other.reference("two:1") },
    beside: { reference: tiny, options: defaults, before: slow.reference("two:1"), bytes: 1e6 },
    one: { reference: slow.reference("one:1"), options: single },
    eight: { reference: slow.reference("eight:1"), options: single }
  } as const
  const seconds = new Map<string, Array<number>>(Object.keys(ways).map((name) => [name, []]))
  // In turn within a round: the machine drifts for all alike.
  for (let round = 0; round < bench.rounds(7); round++)
    for (const [name, order] of Object.entries(ways)) {
      const root = await disk.fresh()
      seconds.get(name)?.push(await pulled(root, order))
      await disk.remove(root)
    }
  const of = (name: string) => seconds.get(name) ?? []
  const ratio = (name: string, to: string) => spread(of(name).map((time, round) => time / (of(to)[round] ?? time)))
  return [
    figure("a tiny image", "s", spread(of("tiny"))),
    figure("a tiny image beside two stalled layers", "s", spread(of("beside"))),
    figure("a tiny image beside two stalled layers, to the same alone", "×", ratio("beside", "tiny")),
    figure("one layer at 1 MB/s", "s", spread(of("one"))),
    figure("eight layers at 1 MB/s each, one worker", "s", spread(of("eight"))),
    figure("eight layers at 1 MB/s each, one worker, to one such layer", "×", ratio("eight", "one"))
  ]
}
