/** The compressions of layers, as streams. */

import type { Transform } from "node:stream"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import * as zlib from "node:zlib"
import type { Chunks } from "../Content.ts"
import { pieces } from "./pieces.ts"
import { zstdFrame } from "./zstdFrame.ts"

/**
 * `gzip-members`: several members one after another, as pigz and eStargz write. `zstd`: Node's where it has one, else
 * frames of raw blocks. `zstd-raw`: always these.
 */
export type Compression = "none" | "gzip" | "gzip-members" | "zstd" | "zstd-raw"

export interface CompressOptions {
  /** The level of gzip, 0 to 9. Default: 6. */
  readonly level?: number
  /** Bytes of the archive in each member. Default 65 536. */
  readonly memberSize?: number
}

export const compress = (chunks: Chunks, compression: Compression, options: CompressOptions = {}): Chunks => {
  const { level = 6, memberSize = 65_536 } = options
  switch (compression) {
    case "none":
      return chunks
    case "gzip":
      return withoutSystem(through(chunks, zlib.createGzip({ level })))
    case "gzip-members":
      return members(chunks, memberSize, level)
    case "zstd": {
      const native = nativeZstd()
      return native === undefined ? zstdFrame(chunks) : through(chunks, native)
    }
    case "zstd-raw":
      return zstdFrame(chunks)
  }
}

/** Node 22.15 and later have it; the types of Node 20 do not. */
const nativeZstd = (): Transform | undefined => {
  const make: unknown = Reflect.get(zlib, "createZstdCompress")
  return typeof make === "function" ? (make() as Transform) : undefined
}

async function* through(chunks: Chunks, transform: Transform): AsyncGenerator<Uint8Array> {
  const source = Readable.from(chunks, { objectMode: false })
  const done = pipeline(source, transform)
  done.catch(() => transform.destroy())
  yield* transform as AsyncIterable<Uint8Array>
  await done
}

/** The tenth byte of a gzip header names the operating system; 255 is "unknown", and the same everywhere. */
async function* withoutSystem(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let position = 0
  for await (const chunk of chunks) {
    if (position <= 9 && position + chunk.length > 9) chunk[9 - position] = 255
    position += chunk.length
    yield chunk
  }
}

async function* members(chunks: Chunks, size: number, level: number): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces(chunks, size)) {
    const member = zlib.gzipSync(piece, { level })
    member[9] = 255
    yield member
  }
}
