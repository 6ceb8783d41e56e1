/** Some workers, made when they are needed and kept warm; who asks for one too many waits in line. */
import { ExtractionWorker } from "./ExtractionWorker.ts"

type Taker = (worker: ExtractionWorker) => void

export class WorkerPool {
  #size: number
  readonly #workers = new Set<ExtractionWorker>()
  readonly #idle: Array<ExtractionWorker> = []
  readonly #line = new Set<Taker>()

  constructor(size: number) {
    this.#size = size
  }

  /**
   * Hands over a worker as soon as there is one; it comes back by itself when its job is over. The function that is
   * returned leaves the line.
   */
  take(taker: Taker): () => void {
    this.#line.add(taker)
    this.#serve()
    return () => this.#line.delete(taker)
  }

  /** Starts the first worker, which takes as long as a registry's first answers. */
  warm(): void {
    const first = this.#workers.size === 0 ? this.#make() : undefined
    if (first !== undefined) this.#idle.push(first)
  }

  /** Resolves once no worker writes to the directory. */
  async settled(directory: string): Promise<void> {
    const running = [...this.#workers].map((worker) => worker.running).filter((job) => job?.directory === directory)
    await Promise.all(running.map((job) => job?.ended))
  }

  async close(): Promise<void> {
    this.#size = 0
    this.#line.clear()
    this.#idle.length = 0
    await Promise.all([...this.#workers].map((worker) => worker.end()))
  }

  #serve(): void {
    for (const taker of this.#line) {
      const worker = this.#idle.pop() ?? this.#make()
      if (worker === undefined) return
      this.#line.delete(taker)
      taker(worker)
    }
  }

  #make(): ExtractionWorker | undefined {
    if (this.#workers.size >= this.#size) return undefined
    const worker = new ExtractionWorker((free) => {
      if (free.isDead) {
        this.#workers.delete(free)
        const at = this.#idle.indexOf(free)
        if (at !== -1) this.#idle.splice(at, 1)
      } else this.#idle.push(free)
      this.#serve()
    })
    this.#workers.add(worker)
    return worker
  }
}
