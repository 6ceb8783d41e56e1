/** The entries of a table that belong to the image, by the rules of archives. */
import type { Warning } from "../../api/events.ts"
import type { EntryHeader } from "../Entry.ts"
import { ArchiveReader } from "../tar/ArchiveReader.ts"
import { encodeEntry } from "../tar/encodeEntry.ts"
import type { TableContext } from "./openTable.ts"
import { isOfImage, type LayerTable, type PlannedFile } from "./planLayer.ts"
import { readEntry } from "./readEntry.ts"
import type { TablePlace } from "./Table.ts"
import { entryAt } from "./tableEntries.ts"

export interface TableHeader {
  readonly header: EntryHeader
  /** The file, if the entry is one that has bytes. */
  readonly file: PlannedFile | undefined
  /** What stands before the body in an archive. Bytes. */
  readonly headerBytes: number
}

/** Each header is written as an archive has it, without its body, and read again: the same rules hold. */
export const tableHeaders = function* (
  { json, entries, files }: LayerTable,
  place: TablePlace,
  { digest, limits, corrupt }: TableContext,
  warn: (warning: Warning) => void
): Generator<TableHeader> {
  const reader = new ArchiveReader({ digest, limits, warn, isBodiless: true })
  let at = 0
  for (let i = 0; i < entries.starts.length; i++) {
    const entry = readEntry(entryAt(json, entries, i, corrupt), corrupt)
    if (entry.is === "chunk" || !isOfImage(place, entry.header.path)) continue
    const encoded = encodeEntry(entry.header)
    let header: EntryHeader | undefined
    reader.push(encoded, (part) => {
      if (part._tag === "Entry") header = part.header
    })
    if (header === undefined) throw corrupt("its table of contents has an entry that no archive could have")
    const file = header.size > 0 ? files[at++] : undefined
    if (header.size > 0 && file === undefined)
      throw corrupt("its table of contents listed other files when it was read again")
    yield { header, file, headerBytes: encoded.length }
  }
}
