/**
 * When is a difference one? The interval must lie beyond a margin, not merely beyond 1: two builds of the same sources
 * differ by a percent for no reason that anybody could mend, and a look after every few pairs gives chance many chances.
 */
import { type Estimate, estimate } from "../measure/statistics.ts"

export type Verdict = "slower" | "faster" | "same" | "undecided"

/** Below this nothing is called a difference. */
export const margin = 1.02
/** An interval within this is called the same. */
export const alike = 1.05
const confidence = 0.99
/** Fewer pairs than 8 have no interval of 99 %. */
export const fewest = 8

export interface Judged extends Estimate {
  readonly verdict: Verdict
}

/** `ratios`: this tree over the other, one for each pair. */
export const judge = (ratios: ReadonlyArray<number>): Judged => {
  const found = estimate(ratios, confidence)
  const verdict = (): Verdict => {
    if (ratios.length < fewest) return "undecided"
    if (found.low > margin) return "slower"
    if (found.high < 1 / margin) return "faster"
    if (found.low > 1 / alike && found.high < alike) return "same"
    return "undecided"
  }
  return { ...found, verdict: verdict() }
}

const worst: ReadonlyArray<Verdict> = ["slower", "undecided", "faster", "same"]

/** Of several measures: one that is slower counts more than any that are faster. */
export const overall = (verdicts: ReadonlyArray<Verdict>): Verdict =>
  worst.find((verdict) => verdicts.includes(verdict)) ?? "undecided"
