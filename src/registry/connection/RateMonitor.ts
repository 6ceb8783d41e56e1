/**
 * Whether a body arrives fast enough. Only time with an open gate counts, since a closed gate is the consumer's own
 * slowness. The rate is measured over a whole window of such time.
 */

import { codeOf } from "../../api/codeOf.ts"
import type { Timeouts } from "../../api/config.ts"
import { counted } from "../../api/counted.ts"

export type Timing = Pick<Timeouts, "idle" | "minimumRate" | "rateWindow">

/** Fewer bytes than the minimum rate asks for, over a window. */
export class TooSlow extends Error {
  readonly code = "TOO_SLOW"
}

export const isTooSlow = (error: unknown): boolean => codeOf(error) === "TOO_SLOW"

/** Parts of a window, which slides by one part. */
const parts = 10

export class RateMonitor {
  readonly #timer: NodeJS.Timeout | undefined
  /** Bytes of the last parts in which the gate was open all the time. */
  #counted: Array<number> = []
  #bytes = 0
  #isOpen = true
  #wasClosed = false

  constructor({ minimumRate, rateWindow }: Timing, slow: (error: TooSlow) => void) {
    if (minimumRate === 0) return
    const least = (minimumRate * rateWindow) / 1000
    this.#timer = setInterval(() => {
      if (this.#wasClosed) this.#counted = []
      else this.#counted.push(this.#bytes)
      this.#bytes = 0
      this.#wasClosed = !this.#isOpen
      if (this.#counted.length < parts) return
      const sum = this.#counted.reduce((all, bytes) => all + bytes, 0)
      if (sum < least)
        slow(new TooSlow(`less than ${counted(minimumRate, "byte")} a second for ${rateWindow / 1000} s`))
      this.#counted.shift()
    }, rateWindow / parts)
  }

  readonly count = (bytes: number): void => {
    this.#bytes += bytes
  }

  /** A part in which the gate was closed says nothing. */
  readonly gate = (isOpen: boolean): void => {
    this.#isOpen = isOpen
    if (!isOpen) this.#wasClosed = true
  }

  readonly stop = (): void => clearInterval(this.#timer)
}
