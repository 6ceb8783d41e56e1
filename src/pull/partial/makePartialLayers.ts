/** The layers of an image that have a table of contents, and how they are pulled by it. */
import * as Effect from "effect/Effect"
import type { FoundImage } from "../../registry/Registry.ts"
import type { PartialLayers } from "../layer/PartialLayers.ts"
import { pullPartial } from "./pullPartial.ts"
import { warnUnusable } from "./TableUnusable.ts"
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
    pull: (source, layer) => {
      const annotated = tableOf(layer) === undefined ? undefined : tables.get(layer.digest)
      if (annotated === undefined) return Effect.undefined
      return tablePlaceOf(source, layer, annotated).pipe(
        Effect.flatMap((table) => pullPartial({ source, layer, table })),
        Effect.catchTag("TableUnusable", (problem) =>
          Effect.as(warnUnusable(layer.digest, problem, "downloaded"), undefined)
        )
      )
    }
  }
}
