/** Which bytes of a blob are requested: few ranges, of the pieces that are missing. */
import type { Range } from "./Table.ts"

/** Two pieces with no more than this between them come in one range. Bytes. */
export const mergedGap = 64 * 1024

/** Most ranges of one layer, each a request. */
export const mostRanges = 64

/** `pieces`: in rising order, without overlaps. */
export const planRanges = (pieces: ReadonlyArray<Range>, gap = mergedGap, most = mostRanges): ReadonlyArray<Range> => {
  const gaps = pieces.slice(1).map(({ from }, at) => from - (pieces[at]?.to ?? from))
  // So many gaps stay, the widest ones.
  const kept = gaps.filter((it) => it > gap).sort((a, b) => b - a)
  const least = kept.length < most ? gap : Math.max(gap, kept[most - 1] ?? gap)
  const ranges: Array<{ from: number; to: number }> = []
  for (const { from, to } of pieces) {
    const last = ranges.at(-1)
    if (last !== undefined && from - last.to <= least) last.to = to
    else ranges.push({ from, to })
  }
  return ranges
}
