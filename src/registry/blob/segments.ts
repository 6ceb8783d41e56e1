/** The parts of a blob that are requested by themselves, several at once (`inOrder`). */

/** Bytes that are requested at once, over all segments of a blob: so much of it is in memory at most. */
const mostBytes = 16 * 2 ** 20
/** Of one segment: below, the latency of a request outweighs what it brings; above, the first ones take too long. */
const [smallest, largest] = [2 ** 20, 4 * 2 ** 20]

/** Bytes of a segment, where `atOnce` of them are requested at once. */
export const segmentBytes = (atOnce: number): number =>
  Math.min(Math.max(Math.floor(mostBytes / atOnce), smallest), largest)

/** The bytes from `offset` on and before `end`, in their order, made as they are due: `end` may be any number. */
export function* segments(
  offset: number,
  end: number,
  bytes: number
): Generator<readonly [from: number, to: number], undefined> {
  for (let from = offset; from < end; from += bytes) yield [from, Math.min(from + bytes, end)]
}
