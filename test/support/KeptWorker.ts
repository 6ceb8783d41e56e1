/**
 * The extraction worker of the pools in tests: as one closes, its idle threads are kept for the next. Thousands of clients are
 * opened and closed here, and a thread costs more than most pulls. A thread that has a job, or is dead, ends as ever.
 */
import { ExtractionWorker as Thread } from "../../src/layer/pool/ExtractionWorker.ts"

type Free = (worker: ExtractionWorker) => void

interface Kept {
  readonly thread: Thread
  freed: () => void
}

/** Threads without a pool, at most so many. */
const idle: Array<Kept> = []
const mostIdle = 4

const takeThread = (): Kept => {
  const kept = idle.pop()
  if (kept !== undefined) return kept
  const made: Kept = {
    thread: new Thread(() => {
      if (made.thread.isDead && idle.includes(made)) idle.splice(idle.indexOf(made), 1)
      made.freed()
    }),
    freed: () => {}
  }
  return made
}

export class ExtractionWorker implements Pick<Thread, keyof Thread> {
  readonly #kept = takeThread()
  #ended = false

  constructor(free: Free) {
    this.#kept.freed = () => free(this)
  }

  get ring() {
    return this.#kept.thread.ring
  }

  get isDead() {
    return this.#ended || this.#kept.thread.isDead
  }

  get silence() {
    return this.#kept.thread.silence
  }

  get running() {
    return this.#kept.thread.running
  }

  start(...job: Parameters<Thread["start"]>): () => void {
    return this.#kept.thread.start(...job)
  }

  async end(): Promise<void> {
    const { thread } = this.#kept
    if (this.isDead || thread.running !== undefined || idle.length >= mostIdle) return thread.end()
    this.#ended = true
    const { freed } = this.#kept
    this.#kept.freed = () => {}
    idle.push(this.#kept)
    // As of a thread that is gone.
    await Promise.resolve()
    freed()
  }
}

/** For a test of what becomes of a thread: the next one is new. */
export const endKept = async (): Promise<void> => {
  await Promise.all(idle.splice(0).map(({ thread }) => thread.end()))
}
