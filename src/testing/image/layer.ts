/** One layer: an archive, compressed, with both its digests. */

import { createHash, type Hash } from "node:crypto"
import { types } from "node:util"
import { type Chunks, type Content, contentOfBytes, contentOfGenerator } from "../Content.ts"
import { type Compression, type CompressOptions, compress } from "../compression/compress.ts"
import type { Text } from "../tar/Header.ts"
import { Tar, tar } from "../tar/Tar.ts"
import { type Format, mediaTypes, type TestLayer } from "./TestImage.ts"

export interface LayerOptions extends CompressOptions {
  /** An archive as it is; a `Tar` that was not ended is ended. */
  readonly archive?: Tar | Content | Uint8Array
  /** Shorthand for an archive of plain files, by path. */
  readonly files?: Readonly<Record<string, Text>>
  /** Default gzip. */
  readonly compression?: Compression
  /** Default: what format and compression call for. */
  readonly mediaType?: string
  readonly annotations?: Readonly<Record<string, string>>
  /** Foreign addresses of the blob. */
  readonly urls?: ReadonlyArray<string>
  /** Compressed anew for each reading instead of held: for what does not fit memory. Default false. */
  readonly streamed?: boolean
  /** Lies in the descriptor and the config; the blob is served under the digest that is told. */
  readonly digest?: string
  readonly diffId?: string
  readonly size?: number
}

/** A layer that is ready, and may be part of several images. */
export interface MadeLayer {
  readonly layer: Omit<TestLayer, "mediaType"> & { readonly compression: Compression; readonly mediaType?: string }
  readonly descriptor: Readonly<Record<string, unknown>>
  readonly blob: Content
}

export type LayerInput = Tar | Content | Uint8Array | LayerOptions | MadeLayer

export const makeLayer = async (input: LayerInput, defaults: LayerOptions = {}): Promise<MadeLayer> => {
  if ("layer" in input) return input
  const options: LayerOptions =
    input instanceof Tar || types.isUint8Array(input) || "read" in input
      ? { ...defaults, archive: input }
      : { ...defaults, ...input }
  const { compression = "gzip" } = options
  const archive = archiveOf(options)
  const inner = counting()
  const outer = counting()
  const compressed = () => compress(archive.read(0, archive.size), compression, options)
  const held: Array<Uint8Array> = []
  for await (const chunk of outer.pass(compress(inner.pass(archive.read(0, archive.size)), compression, options)))
    if (options.streamed !== true) held.push(chunk)
  const blob =
    options.streamed === true ? await contentOfGenerator(compressed, outer.size()) : contentOfBytes(Buffer.concat(held))
  const { mediaType, annotations, urls } = options
  return madeLayer(
    {
      digest: options.digest ?? outer.digest(),
      diffId: options.diffId ?? inner.digest(),
      size: options.size ?? outer.size(),
      inflated: inner.size(),
      compression,
      ...(mediaType === undefined ? {} : { mediaType })
    },
    blob,
    { ...(annotations === undefined ? {} : { annotations }), ...(urls === undefined ? {} : { urls }) }
  )
}

export const madeLayer = (
  layer: MadeLayer["layer"],
  blob: Content,
  descriptor: Readonly<Record<string, unknown>> = {}
): MadeLayer => ({ layer, blob, descriptor })

export const mediaTypeOf = (compression: Compression, format: Format): string => {
  const types = mediaTypes[format]
  if (compression === "none") return types.none
  return compression.startsWith("zstd") ? types.zstd : types.gzip
}

const archiveOf = ({ archive, files = {} }: LayerOptions): Content => {
  if (types.isUint8Array(archive)) return contentOfBytes(archive)
  if (archive instanceof Tar) return archive.ended().content()
  if (archive !== undefined) return archive
  const made = tar()
  for (const [path, body] of Object.entries(files)) made.file(path, body)
  return made.end().content()
}

const counting = () => {
  const hash: Hash = createHash("sha256")
  let size = 0
  return {
    async *pass(chunks: Chunks): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        hash.update(chunk)
        size += chunk.length
        yield chunk
      }
    },
    digest: () => `sha256:${hash.digest("hex")}`,
    size: () => size
  }
}
