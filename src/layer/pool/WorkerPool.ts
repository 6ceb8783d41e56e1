/**
 * Some workers, made when they are needed and kept warm; who asks for one too many waits in line. A worker whose layer has
 * fallen silent does not count: it needs no core, so another one is made for who waits.
 */
import { ExtractionWorker } from "./ExtractionWorker.ts"

/**
 * `write`: a job that ends by itself. `read`: one that sends entries, and lasts as long as somebody holds one. They are
 * counted apart, so that entries that are held never stop a pull.
 */
export type Use = "write" | "read"

/** `decode`: a job that decompresses for another worker, on a free core. It does not delay other jobs. */
type Work = Use | "decode"

interface Taker {
  readonly use: Use
  readonly take: (worker: ExtractionWorker) => void
  /** Its layer has bytes to extract. */
  isReady: boolean
}

export interface TakeOptions {
  /** Default `write`. */
  readonly use?: Use
  /** There is something to do at once. Default: true. Else it takes a worker that is free, and does not wait for one before `ready`. */
  readonly isReady?: boolean
}

/** A place in the line. */
export interface Place {
  readonly leave: () => void
  /** Now there is something to do. */
  readonly ready: () => void
}

/** Readers at once, where there are fewer workers than this. */
const fewestReaders = 4

/** Milliseconds without a byte after which a layer counts as silent. A registry that paces its answers is not. */
export const silentAfter = 250
/** Milliseconds between two looks at the layers under way, while somebody waits. */
const lookInterval = 50
/** Workers of silent layers that do not count, at most: this bounds the threads. */
const mostSilent = 16

export class WorkerPool {
  /** Workers that are kept. */
  readonly #size: number
  readonly #most: Readonly<Record<Use, number>>
  #isClosed = false
  readonly #workers = new Set<ExtractionWorker>()
  readonly #busy: Readonly<Record<Work, Set<ExtractionWorker>>> = {
    write: new Set(),
    read: new Set(),
    decode: new Set()
  }
  /** Layers under way and to come, as told. */
  #expected = 0
  readonly #idle: Array<ExtractionWorker> = []
  readonly #line = new Set<Taker>()
  readonly #mostSilent: number
  #look: NodeJS.Timeout | undefined

  constructor(size: number, silent = mostSilent) {
    this.#size = size
    this.#mostSilent = silent
    this.#most = { write: size, read: Math.max(size, fewestReaders) }
  }

  /** Hands over a worker as soon as there is one; it comes back by itself when its job is over. */
  take(take: Taker["take"], { use = "write", isReady = true }: TakeOptions = {}): Place {
    const taker = { use, take, isReady }
    this.#serve()
    if (!this.#serveOne(taker)) this.#line.add(taker)
    this.#lookAgain()
    return {
      leave: () => void this.#line.delete(taker),
      ready: () => {
        if (taker.isReady) return
        taker.isReady = true
        this.#serve()
      }
    }
  }

  /** So many layers will come. The function that is returned is to be called as each is over, or will not come. */
  expect(layers: number): () => void {
    this.#expected += layers
    let left = layers
    return () => {
      if (left === 0) return
      left -= 1
      this.#expected -= 1
    }
  }

  /** A second worker, to decompress for one that was just taken. None if no core is free; the event loop counts as using one. */
  takeSpare(): ExtractionWorker | undefined {
    const { write, read, decode } = this.#busy
    const wanted = 1 + Math.max(this.#expected, write.size + this.#line.size) + read.size + decode.size
    if (this.#isClosed || wanted >= this.#size) return undefined
    try {
      const worker = this.#idle.pop() ?? this.#make()
      decode.add(worker)
      return worker
    } catch {
      // The system gives no thread. One is enough.
      return undefined
    }
  }

  /** Starts a worker, which takes as long as a registry's first answers, where all that there are wait for layers. */
  warm(): void {
    const isNone = this.#workers.size === this.#silent(this.#workers)
    if (isNone && !this.#isClosed) this.#idle.push(this.#make())
  }

  /** Resolves once no worker writes to the directory or file. */
  async settled(target: string): Promise<void> {
    const running = [...this.#workers].map((worker) => worker.running).filter((job) => job?.target === target)
    await Promise.all(running.map((job) => job?.ended))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#look)
    this.#line.clear()
    this.#idle.length = 0
    await Promise.all([...this.#workers].map((worker) => worker.end()))
  }

  #serve(): void {
    for (const taker of this.#line) if (taker.isReady) this.#serveOne(taker)
    this.#lookAgain()
  }

  #serveOne(taker: Taker): boolean {
    const { use, take, isReady } = taker
    const busy = this.#busy[use]
    const most = this.#most[use]
    // A thread beyond the number is made for a layer that has bytes, not for one whose registry may be as silent.
    const mayExceed = isReady || this.#idle.length > 0
    const isFree = busy.size < most || (mayExceed && busy.size - this.#silent(busy) < most)
    if (this.#isClosed || !isFree) return false
    const worker = this.#idle.pop() ?? this.#make()
    this.#line.delete(taker)
    busy.add(worker)
    take(worker)
    return true
  }

  /** No layer tells when it falls silent. */
  #lookAgain(): void {
    clearTimeout(this.#look)
    if (this.#line.size > 0 && !this.#isClosed) this.#look = setTimeout(() => this.#serve(), lookInterval)
  }

  #silent(workers: ReadonlySet<ExtractionWorker>): number {
    let silent = 0
    for (const { silence } of workers) if (silence >= silentAfter) silent += 1
    return Math.min(silent, this.#mostSilent)
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
    const surplus = Math.max(0, alive - this.#silent(this.#workers) - this.#size)
    for (const worker of this.#idle.splice(0, surplus)) void worker.end()
  }
}
