/** Where a layer's table is: as an annotation says, or the footer of an eStargz blob. */
import * as Effect from "effect/Effect"
import { isReason } from "../../api/errors.ts"
import type { TablePlace } from "../../layer/partial/Table.ts"
import { drainTo } from "../../reactive/bridge.ts"
import { Gate } from "../../reactive/Gate.ts"
import { RangesIgnored } from "../../registry/blob/openBlob.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { PullEvents } from "../events/PullEvents.ts"
import { ofTheTable } from "./pullPartial.ts"
import { ranges$ } from "./ranges.ts"
import { type AnnotatedTable, footerBytes, placeByFooter } from "./tablePlaces.ts"

const readFooter = Effect.fnUntraced(function* (source: ImageSource, layer: ResolvedLayer) {
  const from = { source, layer, emit: yield* PullEvents, context: yield* Effect.context<never>() }
  const range = { from: layer.size - footerBytes, to: layer.size }
  const pieces: Array<Buffer> = []
  yield* drainTo(ranges$(from, [range], new Gate()), (bytes) => pieces.push(Buffer.from(bytes))).pipe(
    Effect.catch((error) =>
      error instanceof RangesIgnored || (isReason(error) && ofTheTable.has(error._tag))
        ? Effect.void
        : isReason(error)
          ? Effect.fail(error)
          : Effect.die(error)
    )
  )
  return Buffer.concat(pieces)
})

/** Nothing where no table is where the footer says. */
export const tablePlaceOf = Effect.fnUntraced(function* (
  source: ImageSource,
  layer: ResolvedLayer,
  annotated: AnnotatedTable
) {
  if (annotated.offset !== undefined) return annotated satisfies TablePlace
  return placeByFooter(yield* readFooter(source, layer), annotated.digest, layer.size)
})
