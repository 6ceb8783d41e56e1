/** Medians, quartiles, and the one test that `compare` stands on. */

const sorted = (values: ReadonlyArray<number>): ReadonlyArray<number> => [...values].sort((a, b) => a - b)

/** Linear between neighbours; NaN for no values. */
export const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const order = sorted(values)
  const at = (order.length - 1) * q
  const low = order[Math.floor(at)] ?? Number.NaN
  const high = order[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

export interface Spread {
  readonly median: number
  /** The middle half of the values lies from `low` to `high`. */
  readonly low: number
  readonly high: number
  readonly min: number
  readonly max: number
  readonly count: number
}

export const spread = (values: ReadonlyArray<number>): Spread => ({
  median: quantile(values, 0.5),
  low: quantile(values, 0.25),
  high: quantile(values, 0.75),
  min: Math.min(...values),
  max: Math.max(...values),
  count: values.length
})

/**
 * How many of the 2^n sign patterns give each sum of signed ranks: the exact distribution of Wilcoxon's statistic,
 * so that few pairs need no normal approximation.
 */
const rankSums = (n: number): Float64Array => {
  const counts = new Float64Array((n * (n + 1)) / 2 + 1)
  counts[0] = 1
  for (let rank = 1; rank <= n; rank++) {
    for (let sum = counts.length - 1; sum >= rank; sum--) counts[sum] = (counts[sum] ?? 0) + (counts[sum - rank] ?? 0)
  }
  return counts
}

export interface Estimate {
  readonly ratio: number
  readonly low: number
  readonly high: number
  /** What the interval covers; below what was asked for where there are too few pairs. */
  readonly confidence: number
}

/**
 * The typical ratio of pairs with its confidence interval: Hodges and Lehmann's estimate over the logarithms, with the
 * interval of the signed-rank test. One wild pair moves it little, and it assumes no bell curve.
 */
export const estimate = (ratios: ReadonlyArray<number>, confidence: number): Estimate => {
  const logs = ratios.map(Math.log)
  const n = logs.length
  const walsh = sorted(logs.flatMap((a, i) => logs.slice(i).map((b) => (a + b) / 2)))
  const counts = rankSums(n)
  let cut = 0
  let tail = (counts[0] ?? 0) / 2 ** n
  while (cut < walsh.length / 2 && tail + (counts[cut + 1] ?? 0) / 2 ** n <= (1 - confidence) / 2) {
    cut += 1
    tail += (counts[cut] ?? 0) / 2 ** n
  }
  return {
    ratio: Math.exp(quantile(walsh, 0.5)),
    low: Math.exp(walsh[cut] ?? Number.NaN),
    high: Math.exp(walsh[walsh.length - 1 - cut] ?? Number.NaN),
    confidence: 1 - 2 * tail
  }
}

/** Mulberry32: a seed makes a run's order repeatable. */
export const random = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export const shuffle = <A>(values: ReadonlyArray<A>, next: () => number): ReadonlyArray<A> =>
  values
    .map((value) => ({ value, key: next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value)
