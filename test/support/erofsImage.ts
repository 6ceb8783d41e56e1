/** Entries of tests as an EROFS image. */
import { type ErofsOptions, type ErofsSource, erofsImage } from "../../src/erofs/erofsImage.ts"
import type { ArchiveEntry, EntryCursor } from "../../src/layer/EntryCursor.ts"
import type { TestEntry } from "./entries.ts"

export interface TestSource extends ErofsSource {
  /** How many of its cursors are open. */
  readonly open: () => number
}

/** `piece`: bytes of each piece of a body. */
export const sourceOf = (entries: ReadonlyArray<TestEntry>, piece = 65_536): TestSource => {
  let open = 0
  const cursor = (): EntryCursor<ArchiveEntry> => {
    let at = 0
    let isOpen = true
    open += 1
    return {
      next: async () => {
        const entry = entries[at++]
        if (entry === undefined) return undefined
        const { body = new Uint8Array(), ...header } = entry
        let from = 0
        const read = async () => {
          if (from >= body.length) return undefined
          const bytes = body.subarray(from, from + piece)
          from += piece
          return bytes
        }
        return { header, body: { read, leave: () => {} } }
      },
      close: () => {
        if (isOpen) open -= 1
        isOpen = false
      }
    }
  }
  return { headers: cursor, bodies: cursor, open: () => open }
}

export const chunksOf = async (image: AsyncIterable<Uint8Array>): Promise<ReadonlyArray<Uint8Array>> => {
  const chunks: Array<Uint8Array> = []
  for await (const chunk of image) chunks.push(chunk)
  return chunks
}

export const imageOf = async (
  entries: ReadonlyArray<TestEntry>,
  options?: ErofsOptions,
  piece?: number
): Promise<Buffer> => {
  return Buffer.concat(await chunksOf(erofsImage(sourceOf(entries, piece), options)))
}
