/** The layers of an image that have a table of contents, and how they are pulled by it. */
import * as Effect from "effect/Effect"
import type { FoundImage } from "../../registry/Registry.ts"
import type { PartialLayers } from "../layer/PartialLayers.ts"
import { pullPartial, unusable } from "./pullPartial.ts"
import { tablePlaceOf } from "./tablePlaceOf.ts"
import { annotatedTables } from "./tablePlaces.ts"

/** Bytes of a layer below which a table costs more than it saves. */
export const smallestLayer = 2 ** 16

export const makePartialLayers = (image: FoundImage): PartialLayers => {
  const tables = annotatedTables(image)
  const tableOf: PartialLayers["tableOf"] = ({ digest, size }) =>
    size < smallestLayer ? undefined : tables.get(digest)?.digest
  return {
    tableOf,
    pull: Effect.fnUntraced(function* (source, layer) {
      const annotated = tableOf(layer) === undefined ? undefined : tables.get(layer.digest)
      if (annotated === undefined) return undefined
      const table = yield* tablePlaceOf(source, layer, annotated)
      if (table !== undefined) return yield* pullPartial({ source, layer, table })
      return yield* Effect.as(
        unusable(layer.digest, "the host sends no ranges, or no table is where its footer says"),
        undefined
      )
    })
  }
}
