/**
 * Bytes that may be too many to hold: a size, and a way to read any part of them as often as is asked. What the
 * registry serves and what layers are made of is content, so a layer of 5 GB costs no more memory than one of 5 kB.
 */
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { stat } from "node:fs/promises"

export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

export interface Content {
  /** Bytes. */
  readonly size: number
  /** The bytes from `start` up to, not including, `end`, in pieces. A reader does not change the pieces. */
  readonly read: (start: number, end: number) => Chunks
}

/** Bytes of the pieces that content is read in, where the content itself sets no other size. */
export const pieceSize = 65_536

/** Pieces that are each repeated: `[header, 1], [zeros, 5120], [trailer, 1]`. Any part of it is found by counting. */
export const contentOfSegments = (segments: ReadonlyArray<readonly [piece: Uint8Array, times: number]>): Content => ({
  size: segments.reduce((sum, [piece, times]) => sum + piece.length * times, 0),
  *read(start, end) {
    let base = 0
    for (const [piece, times] of segments) {
      const length = piece.length * times
      let position = Math.max(start, base)
      const stop = Math.min(end, base + length)
      while (position < stop) {
        const within = (position - base) % piece.length
        const part = piece.subarray(within, Math.min(piece.length, within + pieceSize, within + stop - position))
        yield part
        position += part.length
      }
      base += length
    }
  }
})

export const contentOfBytes = (bytes: Uint8Array): Content => contentOfSegments([[bytes, 1]])

/** One after another. */
export const contentOfParts = (parts: ReadonlyArray<Content>): Content => ({
  size: parts.reduce((sum, { size }) => sum + size, 0),
  async *read(start, end) {
    let base = 0
    for (const { size, read } of parts) {
      if (start < base + size && end > base) yield* read(Math.max(0, start - base), Math.min(size, end - base))
      base += size
    }
  }
})

/** The bytes of `content` from `start` up to, not including, `end`. */
export const partOf = (content: Content, start: number, end: number): Content => ({
  size: end - start,
  read: (from, to) => content.read(start + from, Math.min(end, start + to))
})

/** A file of the host, read anew each time. It must not change while it is served. */
export const contentOfFile = async (path: string): Promise<Content> => ({
  size: (await stat(path)).size,
  read: (start, end) => (start >= end ? [] : createReadStream(path, { start, end: end - 1, highWaterMark: pieceSize }))
})

/**
 * What a generator yields. `generate` is called for each reading and must yield the same bytes each time; a reading
 * that starts in the middle drops what comes before. Without `size` it is run once to count.
 */
export const contentOfGenerator = async (generate: () => Chunks, size?: number): Promise<Content> => ({
  size: size ?? (await measure(generate())).size,
  async *read(start, end) {
    let position = 0
    for await (const chunk of generate()) {
      const part = chunk.subarray(Math.max(0, start - position), Math.max(0, end - position))
      if (part.length > 0) yield part
      position += chunk.length
      if (position >= end) return
    }
  }
})

/** Reads it once: its digest and its size. */
export const measure = async (chunks: Chunks): Promise<{ readonly digest: string; readonly size: number }> => {
  const hash = createHash("sha256")
  let size = 0
  for await (const chunk of chunks) {
    hash.update(chunk)
    size += chunk.length
  }
  return { digest: `sha256:${hash.digest("hex")}`, size }
}

/** The whole of it in memory. */
export const collect = async (content: Content): Promise<Buffer> => {
  const pieces: Array<Uint8Array> = []
  for await (const piece of content.read(0, content.size)) pieces.push(piece)
  return Buffer.concat(pieces)
}

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`
