/**
 * Layers with a table of contents, of which a client can fetch single files: zstd:chunked (containers/storage, pkg/chunked) and
 * eStargz (stargz-snapshotter's estargz.md).
 */
import { types } from "node:util"
import { gzipSync } from "node:zlib"
import { type Content, contentOfBytes } from "../Content.ts"
import { compress } from "../compression/compress.ts"
import { zstdSkippableFrame } from "../compression/zstdFrame.ts"
import { type MadeLayer, madeLayer } from "../image/layer.ts"
import { type Tar, tar } from "../tar/Tar.ts"
import { archiveEntries } from "./archiveEntries.ts"
import { type LayerTable, sha256, type TableEntry, tableEntryOf } from "./TableEntry.ts"

export interface TableLayerOptions {
  /** Default `zstd:chunked`. */
  readonly form?: "zstd:chunked" | "estargz"
  /** Bytes of the pieces that large files are cut into. Default 65 536. */
  readonly chunkSize?: number
  /** What stands in place of the table. */
  readonly edit?: (table: LayerTable) => unknown
  /** The level of gzip, 0 to 9. Default: 6. */
  readonly level?: number
}

const bytesIn = async (content: Content): Promise<Buffer> => {
  const pieces: Array<Uint8Array> = []
  for await (const piece of content.read(0, content.size)) pieces.push(piece)
  return Buffer.concat(pieces)
}

const zstd = async (bytes: Uint8Array): Promise<Buffer> => {
  const pieces: Array<Uint8Array> = []
  for await (const piece of compress([bytes], "zstd")) pieces.push(piece)
  return Buffer.concat(pieces)
}

const piecesOf = (start: number, end: number, size: number): ReadonlyArray<readonly [number, number]> =>
  Array.from({ length: Math.ceil((end - start) / size) }, (_, at) => [
    start + at * size,
    Math.min(end, start + (at + 1) * size)
  ])

/** An archive in ustar or PAX. A `Tar` that was not ended is ended. */
export const tableLayer = async (archive: Tar | Uint8Array, options: TableLayerOptions = {}): Promise<MadeLayer> => {
  const { form = "zstd:chunked", chunkSize = 65_536, edit = (table) => table, level = 6 } = options
  const bytes = types.isUint8Array(archive) ? Buffer.from(archive) : await bytesIn(archive.ended().content())
  const { entries, end } = archiveEntries(bytes)
  const isStargz = form === "estargz"
  const blob: Array<Buffer> = []
  let size = 0
  const put = (piece: Buffer) => {
    blob.push(piece)
    size += piece.length
  }
  const squeeze = (piece: Uint8Array) => (isStargz ? Promise.resolve(gzipSync(piece, { level })) : zstd(piece))

  const listed: Array<TableEntry> = []
  let written = 0
  for (const entry of entries) {
    const first = tableEntryOf(entry, !isStargz)
    if (entry.end === entry.start) {
      listed.push(first)
      continue
    }
    put(await squeeze(bytes.subarray(written, entry.start)))
    const pieces = piecesOf(entry.start, entry.end, chunkSize)
    const chunks: Array<TableEntry> = []
    for (const [at, [from, to]] of pieces.entries()) {
      const piece = bytes.subarray(from, to)
      const isLast = at === pieces.length - 1
      const hasChunk = isStargz || pieces.length > 1
      chunks.push({
        ...(at === 0
          ? { ...first, digest: sha256(bytes.subarray(entry.start, entry.end)) }
          : { type: "chunk", name: entry.name }),
        offset: size,
        ...(at > 0 ? { chunkOffset: from - entry.start } : {}),
        ...(pieces.length > 1 && !(isStargz && isLast) ? { chunkSize: to - from } : {}),
        ...(hasChunk ? { chunkDigest: sha256(piece) } : {})
      })
      put(await squeeze(piece))
    }
    const [head, ...tail] = chunks
    if (head !== undefined) listed.push(isStargz ? head : { ...head, endOffset: size }, ...tail)
    written = entry.end
  }
  const table = edit({ version: 1, entries: listed })
  const json = Buffer.isBuffer(table)
    ? table
    : Buffer.from(JSON.stringify(table, undefined, isStargz ? "\t" : undefined))
  const made = isStargz ? await stargz() : await chunked()
  const whole = Buffer.concat(blob)
  return madeLayer(
    {
      digest: sha256(whole),
      diffId: sha256(made.archive),
      size: whole.length,
      inflated: made.archive.length,
      compression: isStargz ? "gzip" : "zstd"
    },
    contentOfBytes(whole),
    { annotations: made.annotations }
  )

  async function chunked() {
    put(await zstd(bytes.subarray(written)))
    const compressed = await zstd(json)
    const position = `${size + 8}:${compressed.length}:${json.length}:1`
    put(Buffer.from(zstdSkippableFrame(compressed)))
    const annotations = {
      "io.github.containers.zstd-chunked.manifest-checksum": sha256(compressed),
      "io.github.containers.zstd-chunked.manifest-position": position
    }
    return { archive: bytes, annotations }
  }

  async function stargz() {
    // The table takes the place of the archive's end, and has one of its own.
    put(gzipSync(bytes.subarray(written, end), { level }))
    const last = await bytesIn(tar("ustar").file("stargz.index.json", json).end().content())
    const offset = size
    put(gzipSync(last, { level }))
    const footer = Buffer.alloc(51)
    footer.write(`1f8b08040000000000ff1a0053471600`, "hex")
    footer.write(`${offset.toString(16).padStart(16, "0")}STARGZ`, 16)
    footer.write("010000ffff0000000000000000", 38, "hex")
    put(footer)
    const annotations = { "containerd.io/snapshot/stargz/toc.digest": sha256(json) }
    return { archive: Buffer.concat([bytes.subarray(0, end), last]), annotations }
  }
}
