/** Entries → the bytes of one archive (PAX), as they are asked for. */
import { isReason, printable, UnsupportedEntry } from "../api/errors.ts"
import { decodeName } from "../layer/decodeName.ts"
import type { ArchiveEntry, EntryCursor } from "../layer/EntryCursor.ts"
import { ArchiveWriter } from "../layer/tar/ArchiveWriter.ts"
import type { Part } from "../layer/tar/untar.ts"
import { ByteGatherer } from "./ByteGatherer.ts"

/** What an archive has no room for, as an error about the entry: nobody gave an option. */
const unsupported = (error: unknown, path: string): unknown =>
  isReason(error) && error._tag === "InvalidOption"
    ? new UnsupportedEntry({
        format: "tar",
        path: printable(decodeName(path), 300),
        problem: `${error.option} ${error.problem}`
      })
    : error

export const tarOf = async function* (entries: Pick<EntryCursor<ArchiveEntry>, "next">): AsyncGenerator<Uint8Array> {
  const writer = new ArchiveWriter()
  const gatherer = new ByteGatherer()
  /** What is complete and was not given yet: of most entries nothing. */
  const chunks: Array<Uint8Array> = []
  let path = ""
  const next = (bytes: Uint8Array) => void chunks.push(...gatherer.add(bytes))
  const write = (part: Part | undefined): void => {
    try {
      if (part === undefined) writer.end(next)
      else writer.push(part, next)
    } catch (error) {
      throw unsupported(error, path)
    }
  }
  for (let entry = await entries.next(); entry !== undefined; entry = await entries.next()) {
    // The root has no name of its own, and this one in every archive.
    const header = entry.header.path === "" ? { ...entry.header, path: "./" } : entry.header
    path = header.path
    write({ _tag: "Begin", header })
    if (header.size > 0)
      for (let piece = await entry.body.read(); piece !== undefined; piece = await entry.body.read()) {
        write({ _tag: "Data", chunk: piece })
        if (chunks.length > 0) yield* chunks.splice(0)
      }
    write({ _tag: "End" })
    if (chunks.length > 0) yield* chunks.splice(0)
  }
  write(undefined)
  yield* chunks
  yield* gatherer.flush()
}
