/** Entries → the bytes of one archive (PAX), as they are asked for. */
import type { ArchiveEntry, EntryCursor } from "../layer/EntryCursor.ts"
import { ArchiveWriter } from "../layer/tar/ArchiveWriter.ts"
import type { Part } from "../layer/tar/untar.ts"
import { ByteGatherer } from "./ByteGatherer.ts"

export const tarOf = async function* (entries: Pick<EntryCursor<ArchiveEntry>, "next">): AsyncGenerator<Uint8Array> {
  const writer = new ArchiveWriter()
  const gatherer = new ByteGatherer()
  const write = (part: Part | undefined): ReadonlyArray<Uint8Array> => {
    const chunks: Array<Uint8Array> = []
    const next = (bytes: Uint8Array) => void chunks.push(...gatherer.add(bytes))
    if (part === undefined) writer.end(next)
    else writer.push(part, next)
    return chunks
  }
  for (let entry = await entries.next(); entry !== undefined; entry = await entries.next()) {
    const { header } = entry
    yield* write({ _tag: "Begin", header })
    if (header.size > 0)
      for (let piece = await entry.body.read(); piece !== undefined; piece = await entry.body.read())
        yield* write({ _tag: "Data", chunk: piece })
    yield* write({ _tag: "End" })
  }
  yield* write(undefined)
  yield* gatherer.flush()
}
