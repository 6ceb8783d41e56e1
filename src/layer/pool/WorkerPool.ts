/** Some workers, made when they are needed and kept warm; who asks for one too many waits in line. */
import { ExtractionWorker } from "./ExtractionWorker.ts"

/**
 * `write`: a job that ends by itself. `read`: one that sends entries, and lasts as long as somebody holds one. They are
 * counted apart, so that entries that are held never stop a pull.
 */
export type Use = "write" | "read"

interface Taker {
  readonly use: Use
  readonly take: (worker: ExtractionWorker) => void
}

/** Readers at once, where there are fewer workers than this. */
const fewestReaders = 4

export class WorkerPool {
  /** Workers that are kept. */
  readonly #size: number
  readonly #most: Readonly<Record<Use, number>>
  #isClosed = false
  readonly #workers = new Set<ExtractionWorker>()
  readonly #busy: Readonly<Record<Use, Set<ExtractionWorker>>> = { write: new Set(), read: new Set() }
  readonly #idle: Array<ExtractionWorker> = []
  readonly #line = new Set<Taker>()

  constructor(size: number) {
    this.#size = size
    this.#most = { write: size, read: Math.max(size, fewestReaders) }
  }

  /**
   * Hands over a worker as soon as there is one; it comes back by itself when its job is over. The function that is
   * returned leaves the line.
   */
  take(take: Taker["take"], use: Use = "write"): () => void {
    const taker = { use, take }
    this.#line.add(taker)
    this.#serve()
    return () => this.#line.delete(taker)
  }

  /** Starts the first worker, which takes as long as a registry's first answers. */
  warm(): void {
    if (this.#workers.size === 0 && !this.#isClosed) this.#idle.push(this.#make())
  }

  /** Resolves once no worker writes to the directory or file. */
  async settled(target: string): Promise<void> {
    const running = [...this.#workers].map((worker) => worker.running).filter((job) => job?.target === target)
    await Promise.all(running.map((job) => job?.ended))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#line.clear()
    this.#idle.length = 0
    await Promise.all([...this.#workers].map((worker) => worker.end()))
  }

  #serve(): void {
    for (const taker of this.#line) {
      const busy = this.#busy[taker.use]
      if (busy.size >= this.#most[taker.use] || this.#isClosed) continue
      const worker = this.#idle.pop() ?? this.#make()
      this.#line.delete(taker)
      busy.add(worker)
      taker.take(worker)
    }
  }

  #make(): ExtractionWorker {
    const worker = new ExtractionWorker((free) => {
      for (const busy of Object.values(this.#busy)) busy.delete(free)
      if (free.isDead) {
        this.#workers.delete(free)
        const at = this.#idle.indexOf(free)
        if (at !== -1) this.#idle.splice(at, 1)
      } else this.#idle.push(free)
      this.#serve()
      this.#trim()
    })
    this.#workers.add(worker)
    return worker
  }

  /** Ends what is more than are kept. */
  #trim(): void {
    const alive = [...this.#workers].filter(({ isDead }) => !isDead).length
    for (const surplus of this.#idle.splice(0, Math.min(this.#idle.length, alive - this.#size))) void surplus.end()
  }
}
