/** The tree that a container of the image sees: each path once, whiteouts applied. */
import * as Effect from "effect/Effect"
import type { TreeOptions } from "../../api/config.ts"
import type { EntryCursor } from "../../layer/EntryCursor.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { selectionOf } from "../../layer/tree/Selection.ts"
import { mapCursor } from "../entries/concatCursors.ts"
import { type EntryOrigin, makeEntry, type ReadEntry } from "../entries/makeEntry.ts"
import { openImage } from "./openImage.ts"
import { bodiesOf } from "./source/bodiesOf.ts"
import { planImage } from "./source/planImage.ts"
import { askStored } from "./source/storedTree.ts"
import { treeCursor } from "./source/treeCursor.ts"

/** The cursor is closed with the scope. */
export const treeOf = Effect.fnUntraced(function* (
  reference: string,
  { only, strip, ...options }: TreeOptions,
  { limits, named }: Pick<EntryOrigin, "limits" | "named">
) {
  const selection = selectionOf({ only, strip })
  const pool = yield* ExtractionPool
  const opened = yield* openImage(reference, options)
  const origin = { limits, named }
  let cursor: EntryCursor<ReadEntry>
  if (opened._tag === "Stored") {
    cursor = mapCursor(askStored(pool, opened.image, { what: "tree", ...selection }), ({ header, body }) =>
      makeEntry({ ...origin, digest: header.layer }, header, body)
    )
  } else {
    const { source, image } = opened
    const { merged, plan } = yield* planImage(source, image, selection, limits)
    const bodies = yield* bodiesOf(merged)
    cursor = mapCursor(treeCursor(plan, bodies), ({ header, layer, body }) =>
      makeEntry({ ...origin, digest: image.layers[layer]?.digest ?? "" }, header, body)
    )
  }
  return yield* Effect.acquireRelease(Effect.succeed(cursor), ({ close }) => Effect.sync(close))
})
