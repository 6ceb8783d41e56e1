/** The tree that a container of the image sees, in the order of its paths, wherever it is read from. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Limits, TreeOptions } from "../../api/config.ts"
import type { Reason } from "../../api/errors.ts"
import type { ErofsPlan } from "../../erofs/planErofs.ts"
import type { EntryHeader } from "../../layer/Entry.ts"
import type { ArchiveEntry, EntryCursor } from "../../layer/EntryCursor.ts"
import { isImplied } from "../../layer/metadata/ownership.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { isWhole, selectionOf } from "../../layer/tree/Selection.ts"
import type { Services } from "../../pull/services.ts"
import { mapCursor } from "../entries/concatCursors.ts"
import { openImage } from "./openImage.ts"
import { type PlanOptions, planInodes } from "./planInodes.ts"
import { canonicalHeader, orderedCursors } from "./source/orderedCursor.ts"
import { planImage } from "./source/planImage.ts"
import { askStored } from "./source/storedTree.ts"

const canonical = ({ header, body }: ArchiveEntry): ArchiveEntry => ({ header: canonicalHeader(header), body })

/** Leaves out the entry of a root that no entry of the image describes, as in a tree that is not stored. */
const withoutImpliedRoot = ({ next, close }: EntryCursor): EntryCursor => ({
  next: async () => {
    const entry = await next()
    return entry?.header.path === "" && isImplied(entry.header) ? next() : entry
  },
  close
})

export interface OrderedTree {
  readonly manifestDigest: string
  /** The disk image that has all of this tree and no more, where the store has one; held until the scope closes. */
  readonly diskImage?: string | undefined
  /** The disk image that is to be made of it, where that is known without its entries. */
  readonly planned?: ((options: PlanOptions) => Promise<ErofsPlan>) | undefined
  /** What `entries` gives, without bodies; may be asked for before, once or more often. */
  readonly headers: () => EntryCursor<{ readonly header: EntryHeader }>
  /** Cursors of one tree share its bodies: one is read at a time. */
  readonly entries: () => EntryCursor
}

/** Its cursors are closed with the scope. */
export const orderedTree = Effect.fnUntraced(function* (
  reference: string,
  { only, strip, ...options }: TreeOptions,
  limits: Limits
): Effect.fn.Return<OrderedTree, Reason, Services | Scope.Scope> {
  const selection = selectionOf({ only, strip })
  const pool = yield* ExtractionPool
  const opened = yield* openImage(reference, options)
  if (opened._tag === "Stored") {
    const { image } = opened
    const open = new Set<EntryCursor<unknown>>()
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const { close } of open) close()
      })
    )
    const kept = <A extends EntryCursor<unknown>>(cursor: A): A => {
      open.add(cursor)
      return cursor
    }
    const withRoot = isWhole(selection)
    const ask = () =>
      withoutImpliedRoot(mapCursor(kept(askStored(pool, image, { what: "tree", ...selection, withRoot })), canonical))
    const diskImage = withRoot ? image.erofs : undefined
    return { manifestDigest: image.manifestDigest, diskImage, headers: ask, entries: ask }
  }
  const { source, image } = opened
  const { merged, plan } = yield* planImage(source, image, selection, limits, { isSpooled: true })
  const planned = async (options: PlanOptions) => (await planInodes(plan, options)).erofs
  return { manifestDigest: image.manifest.descriptor.digest, planned, ...orderedCursors(plan, merged) }
})
