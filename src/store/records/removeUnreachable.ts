/** Removes records and documents that no reference of the catalogue leads to. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { list } from "../../fs/directories.ts"
import { removeTree } from "../trees/removeTree.ts"
import { directoryOf, keepRecords, type RecordKey, referencesOf } from "./Records.ts"

/** What the catalogue's references lead to. */
export interface Reachable {
  /** Each reference, with what it names. */
  readonly records: ReadonlyMap<string, ReadonlyArray<RecordKey>>
  readonly digests: ReadonlySet<string>
}

/**
 * Removes all other records and documents; `thorough`: also the records of what a reference named before. To be called
 * under the catalogue's lock, as everything that writes here.
 */
export const removeUnreachable = Effect.fnUntraced(function* (
  root: string,
  { records, digests }: Reachable,
  { thorough }: { readonly thorough: boolean }
) {
  const directories = new Set([...records.keys()].map((reference) => directoryOf(root, reference)))
  for (const name of yield* list(referencesOf(root))) {
    const directory = join(referencesOf(root), name)
    if (!directories.has(directory)) yield* removeTree(directory)
  }
  if (thorough) for (const [reference, keys] of records) yield* keepRecords(root, reference, keys)
  const top = join(root, "documents")
  for (const algorithm of yield* list(top)) {
    for (const hex of yield* list(join(top, algorithm))) {
      if (!digests.has(`${algorithm}:${hex}`)) yield* removeTree(join(top, algorithm, hex))
    }
  }
})
