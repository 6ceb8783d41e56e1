/** Where a layer's table is: as an annotation says, or the footer of an eStargz blob. */
import * as Effect from "effect/Effect"
import type { TablePlace } from "../../layer/partial/Table.ts"
import { drainTo } from "../../reactive/bridge.ts"
import { Gate } from "../../reactive/Gate.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { PullEvents } from "../events/PullEvents.ts"
import { ranges$ } from "./ranges.ts"
import { asUnusable, isRangeFailure, TableUnusable } from "./TableUnusable.ts"
import { type AnnotatedTable, footerBytes, placeByFooter } from "./tablePlaces.ts"

const readFooter = Effect.fnUntraced(function* (source: ImageSource, layer: ResolvedLayer) {
  const from = { source, layer, emit: yield* PullEvents, context: yield* Effect.context<never>() }
  const range = { from: layer.size - footerBytes, to: layer.size }
  const pieces: Array<Buffer> = []
  yield* drainTo(ranges$(from, [range], new Gate()), (bytes) => pieces.push(Buffer.from(bytes))).pipe(
    Effect.catch((error) => (isRangeFailure(error) ? Effect.fail(asUnusable(error)) : Effect.die(error)))
  )
  return Buffer.concat(pieces)
})

/** Fails with `TableUnusable` where no table is where the footer says. */
export const tablePlaceOf = Effect.fnUntraced(function* (
  source: ImageSource,
  layer: ResolvedLayer,
  annotated: AnnotatedTable
) {
  if (annotated.offset !== undefined) return annotated satisfies TablePlace
  const place = placeByFooter(yield* readFooter(source, layer), annotated.digest, layer.size)
  return place ?? (yield* new TableUnusable({ problem: "no table is where its footer says" }))
})
