/** The tree that a container of the image sees, in the order of its paths, wherever it is read from. */
import * as Effect from "effect/Effect"
import type { Limits, TreeOptions } from "../../api/config.ts"
import type { ArchiveEntry, EntryCursor } from "../../layer/EntryCursor.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { selectionOf } from "../../layer/tree/Selection.ts"
import { Staging } from "../../store/trees/Staging.ts"
import { mapCursor } from "../entries/concatCursors.ts"
import { unknownOf } from "./merge/selection.ts"
import { openImage } from "./openImage.ts"
import { makeBodySpool } from "./source/BodySpool.ts"
import { bodiesOf } from "./source/bodiesOf.ts"
import { fromPromise } from "./source/fromPromise.ts"
import { mergeImage } from "./source/mergeImage.ts"
import { orderedCursor } from "./source/orderedCursor.ts"
import { askStored } from "./source/storedTree.ts"
import { planOf } from "./source/treeCursor.ts"

/** As every source tells it: a body has its holes in it, and Linux keeps no mode for a symbolic link. */
const canonical = ({ header, body }: ArchiveEntry): ArchiveEntry => {
  const { sparse: _, ...rest } = header
  return { header: rest.type === "symlink" ? { ...rest, mode: 0o777 } : rest, body }
}

/** The cursor is closed with the scope. */
export const orderedTree = Effect.fnUntraced(function* (
  reference: string,
  { only, strip, ...options }: TreeOptions,
  limits: Limits
) {
  const selection = selectionOf({ only, strip })
  const pool = yield* ExtractionPool
  const opened = yield* openImage(reference, options)
  let cursor: EntryCursor<ArchiveEntry>
  if (opened._tag === "Stored") cursor = askStored(pool, opened.image, { what: "tree", ...selection })
  else {
    const { source, image } = opened
    const isKnown =
      selection.only === undefined ? undefined : (tree: Parameters<typeof unknownOf>[0]) => unknownOf(tree, selection)
    const merged = yield* mergeImage(source, image, limits, isKnown)
    const plan = yield* fromPromise(async () => planOf(merged, selection))
    const spool = yield* makeBodySpool(yield* (yield* Staging).directory)
    cursor = orderedCursor(plan, yield* bodiesOf(merged), spool)
  }
  const ordered = mapCursor(cursor, canonical)
  return yield* Effect.acquireRelease(Effect.succeed(ordered), ({ close }) => Effect.sync(close))
})
