/** Bytes a second over the last seconds. A value: `count` gives a new one. */

/** Milliseconds that a rate looks back, and the shortest that it can be told from. */
const window = 5000
const shortest = 500
/** Milliseconds whose bytes are one sample, so that a rate keeps some 50 of them. */
const grain = 100

interface Sample {
  readonly at: number
  readonly bytes: number
}

export interface Rate {
  /** When the first bytes came. */
  readonly since?: number
  /** All bytes that were counted. */
  readonly total: number
  readonly samples: ReadonlyArray<Sample>
}

export const noRate: Rate = { total: 0, samples: [] }

export const countBytes = ({ since, total, samples }: Rate, bytes: number, now: number): Rate => {
  if (bytes <= 0) return { since: since ?? now, total, samples }
  const last = samples.at(-1)
  const recent = samples.filter(({ at }) => at > now - window)
  const next =
    last !== undefined && now - last.at < grain && recent.length > 0
      ? [...recent.slice(0, -1), { at: last.at, bytes: last.bytes + bytes }]
      : [...recent, { at: now, bytes }]
  return { since: since ?? now, total: total + bytes, samples: next }
}

/** Milliseconds after which a rate is steady enough to tell the future from. */
const steady = 2000

/** `rateAt`, where it is steady. */
export const steadyRateAt = (rate: Rate, now: number): number | undefined =>
  rate.since === undefined || now - rate.since < steady ? undefined : rateAt(rate, now)

/** Bytes a second; `undefined` while there is too little to tell it from. */
export const rateAt = ({ since, samples }: Rate, now: number): number | undefined => {
  if (since === undefined || now - since < shortest) return undefined
  const bytes = samples.reduce((sum, sample) => (sample.at > now - window ? sum + sample.bytes : sum), 0)
  return (bytes * 1000) / Math.min(window, now - since)
}
