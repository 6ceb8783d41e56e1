/** Ranges of a blob, in requests of a segment each, some of them at once, whose bytes come one range after the other. */
import type * as Context from "effect/Context"
import { concat, concatMap, type Observable, take } from "rxjs"
import type { Emit } from "../../api/events.ts"
import type { Range, TablePlace } from "../../layer/partial/Table.ts"
import type { Gate } from "../../reactive/Gate.ts"
import { type Body, inOrder } from "../../registry/blob/inOrder.ts"
import { segmentBytes, segments } from "../../registry/blob/segments.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"

/** Requests of one layer. */
const atOnce = 4

export interface RangeSource {
  readonly source: ImageSource
  readonly layer: ResolvedLayer
  readonly emit: Emit
  readonly context: Context.Context<never>
}

/** Fails with `RangesIgnored` where the host sends the whole blob. */
export const ranges$ = (
  { source, layer, emit, context }: RangeSource,
  ranges: ReadonlyArray<Range>,
  gate: Gate
): Observable<Uint8Array> => {
  const bodies = function* (): Generator<Body> {
    for (const { from, to } of ranges)
      for (const [offset, end] of segments(from, to, segmentBytes(atOnce)))
        yield (gate) => source.blob$(layer, gate, { offset, end, emit, context })
  }
  return inOrder(bodies(), atOnce, gate)
}

/** A table's bytes. */
export const table$ = (from: RangeSource, { offset, length }: TablePlace, gate: Gate): Observable<Uint8Array> =>
  ranges$(from, [{ from: offset, to: offset + length }], gate)

/** The table, and then the ranges that are decided on by it: one value, or none if it completes. */
export const tableAndRanges$ = (
  from: RangeSource,
  table$: Observable<Uint8Array>,
  decided$: Observable<ReadonlyArray<Range>>,
  gate: Gate
): Observable<Uint8Array> =>
  concat(
    table$,
    decided$.pipe(
      take(1),
      concatMap((ranges) => ranges$(from, ranges, gate))
    )
  )

/** Two numbers of each. */
export const unpackRanges = (flat: Float64Array): ReadonlyArray<Range> =>
  Array.from({ length: flat.length / 2 }, (_, at) => ({ from: flat[2 * at] ?? 0, to: flat[2 * at + 1] ?? 0 }))

export const bytesOf = (ranges: ReadonlyArray<Range>): number =>
  ranges.reduce((sum, { from, to }) => sum + to - from, 0)
