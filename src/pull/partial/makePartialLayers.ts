/** The layers of an image that have a table of contents, and how they are pulled by it. */
import * as Effect from "effect/Effect"
import { isReason } from "../../api/errors.ts"
import { drainTo } from "../../reactive/bridge.ts"
import { Gate } from "../../reactive/Gate.ts"
import { RangesIgnored } from "../../registry/blob/openBlob.ts"
import type { FoundImage, ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { PullEvents } from "../events/PullEvents.ts"
import type { PartialLayers } from "../layer/PartialLayers.ts"
import { ofTheTable, pullPartial, unusable } from "./pullPartial.ts"
import { ranges$ } from "./ranges.ts"
import { annotatedTables, footerBytes, placeByFooter } from "./tablePlaces.ts"

/** Bytes of a layer below which a table costs more than it saves. */
export const smallestLayer = 2 ** 16

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

export const makePartialLayers = (image: FoundImage): PartialLayers => {
  const tables = annotatedTables(image)
  const tableOf: PartialLayers["tableOf"] = ({ digest, size }) =>
    size < smallestLayer ? undefined : tables.get(digest)?.digest
  return {
    tableOf,
    pull: Effect.fnUntraced(function* (source, layer) {
      const annotated = tableOf(layer) === undefined ? undefined : tables.get(layer.digest)
      if (annotated === undefined) return undefined
      const table =
        annotated.offset === undefined
          ? placeByFooter(yield* readFooter(source, layer), annotated.digest, layer.size)
          : annotated
      if (table !== undefined) return yield* pullPartial({ source, layer, table })
      return yield* Effect.as(
        unusable(layer.digest, "the host sends no ranges, or no table is where its footer says"),
        undefined
      )
    })
  }
}
