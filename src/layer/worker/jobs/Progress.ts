/** How far a job is, told at most every 50 ms. */
import type { Counts } from "../../messages/WorkerMessage.ts"
import { noCounts, type Post } from "./outcomeOf.ts"

/** Milliseconds between two messages. */
const interval = 50

export class Progress {
  readonly counts: { -readonly [K in keyof Counts]: Counts[K] } = { ...noCounts }
  readonly #post: Post
  #told = performance.now()

  constructor(post: Post) {
    this.#post = post
  }

  /** Tells it now. */
  readonly tell = (): void => {
    this.#told = performance.now()
    this.#post({ _tag: "Progress", counts: { ...this.counts } })
  }

  add(what: "consumed" | "inflated", bytes: number): void {
    this.counts[what] += bytes
    if (performance.now() - this.#told >= interval) this.tell()
  }
}
