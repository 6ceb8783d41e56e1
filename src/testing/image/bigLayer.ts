/**
 * A layer of any size that costs no memory: one file whose content is a chunk, again and again. The chunk is deflated
 * once; each repetition ends in a full flush and so refers to nothing before it, and the blob is the same bytes again
 * and again within one ordinary gzip member (RFC 1951, RFC 1952). Any range of it is found by counting.
 */
import { createHash } from "node:crypto"
import { setImmediate as turn } from "node:timers/promises"
import { constants, crc32, deflateRawSync } from "node:zlib"
import { type Content, contentOfSegments, measure } from "../Content.ts"
import { padding } from "../tar/Header.ts"
import { tar } from "../tar/Tar.ts"
import { type MadeLayer, madeLayer } from "./layer.ts"

export interface BigLayerOptions {
  /** Bytes of the file. */
  readonly size: number
  /** Default `big`. */
  readonly path?: string
  /** What the file is full of. Default: 1 MiB of zeros, which deflates some 1000-fold. */
  readonly chunk?: Uint8Array
  /** Default gzip. */
  readonly compression?: "gzip" | "none"
}

type Segments = ReadonlyArray<readonly [piece: Uint8Array, times: number]>

/** Reads the archive through once to hash it: some 5 s for 5 GB. */
export const bigLayer = async (options: BigLayerOptions): Promise<MadeLayer> => {
  const { size, path = "big", chunk = new Uint8Array(2 ** 20), compression = "gzip" } = options
  const times = Math.floor(size / chunk.length)
  const rest = chunk.subarray(0, size % chunk.length)
  const segments: Segments = [
    [tar("gnu").file(path, "", { header: { size } }).bytes(), 1],
    [chunk, times],
    [Buffer.concat([rest, padding(size), new Uint8Array(1024)]), 1]
  ]
  const archive = contentOfSegments(segments)
  const { diffId, crc } = await hash(segments)
  const blob = compression === "none" ? archive : gzip(segments, crc, archive.size)
  const { digest } = compression === "none" ? { digest: diffId } : await measure(blob.read(0, blob.size))
  return madeLayer({ digest, diffId, size: blob.size, inflated: archive.size, compression }, blob)
}

const hash = async (segments: Segments) => {
  const sha256 = createHash("sha256")
  let crc = 0
  let sinceTurn = 0
  for (const [piece, times] of segments)
    for (let i = 0; i < times; i++) {
      sha256.update(piece)
      crc = crc32(piece, crc)
      sinceTurn += piece.length
      // Other work of this process must not wait seconds for a hash.
      if (sinceTurn < 2 ** 25) continue
      sinceTurn = 0
      await turn()
    }
  return { diffId: `sha256:${sha256.digest("hex")}`, crc }
}

const gzip = (segments: Segments, crc: number, size: number): Content => {
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc, 0)
  trailer.writeUInt32LE(size % 2 ** 32, 4)
  return contentOfSegments([
    [Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255), 1],
    ...segments.map(
      ([piece, times]) => [deflateRawSync(piece, { finishFlush: constants.Z_FULL_FLUSH }), times] as const
    ),
    [deflateRawSync(new Uint8Array()), 1],
    [trailer, 1]
  ])
}
