import { setImmediate } from "node:timers/promises"
import { countEntries } from "../seams/v8/collectHeap.ts"

/** Inodes, names, or as much work, before others have their turn on the event loop. */
const stepsPerTurn = 4096

export class Turns {
  #left = stepsPerTurn
  readonly #signal: AbortSignal | undefined

  /** `signal`: once it aborts, the next turn rejects with its reason, so that the work is given up. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal
  }

  /** Awaited after each piece of work: it lets others work from time to time. */
  take(steps = 1): Promise<unknown> | undefined {
    this.#left -= steps
    if (this.#left > 0) return undefined
    this.#left = stepsPerTurn
    return this.#turn()
  }

  async #turn(): Promise<void> {
    await setImmediate()
    this.#signal?.throwIfAborted()
  }

  /** The same, after the work on an entry whose header was an object: its garbage is counted. */
  takeOfEntry(): Promise<unknown> | undefined {
    const turn = this.take()
    if (turn !== undefined) countEntries(stepsPerTurn)
    return turn
  }
}
