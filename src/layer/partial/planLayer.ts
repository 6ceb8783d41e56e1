/** A table → what there is of the layer in the store, and what has to be fetched. */
import { atMost } from "../limits.ts"
import type { TableContext } from "./openTable.ts"
import { type Piece, readEntry } from "./readEntry.ts"
import { type Content, indexLine } from "./StoredFiles.ts"
import type { Range, TablePlace } from "./Table.ts"
import { entryAt, type TableEntries, tableEntries } from "./tableEntries.ts"

/** A piece of which all is known. */
export interface Chunk extends Range {
  /** Bytes of the file. */
  readonly size: number
  readonly digest: string | undefined
  readonly isZeros: boolean
}

export interface PlannedFile {
  /** Absent where the table has no digest of the whole file. */
  readonly content: Content | undefined
  readonly chunks: ReadonlyArray<Chunk>
}

export interface LayerTable {
  readonly json: Buffer
  readonly entries: TableEntries
  /** Those that have bytes, in the order of the table. */
  readonly files: ReadonlyArray<PlannedFile>
  /** The contents by their digests. */
  readonly contents: Map<string, Content>
  /** The index of the tree that the layer becomes. */
  readonly index: ReadonlyArray<string>
}

/** Files that eStargz adds for its own readers. They are not part of the image. */
const landmarks: ReadonlySet<string> = new Set([".prefetch.landmark", ".no.prefetch.landmark"])

/** What the table says that the image has. */
export const isOfImage = ({ form }: TablePlace, path: string): boolean => form !== "estargz" || !landmarks.has(path)

interface OpenFile {
  readonly path: string
  readonly size: number
  readonly digest: string | undefined
  readonly pieces: Array<Piece>
}

/**
 * Reads all of the table. Bytes are where they can be read once, one after another: in the order of the entries. The tables
 * that the formats' own tools write are so.
 */
export const planLayer = (json: Buffer, place: TablePlace, context: TableContext): LayerTable => {
  const { digest, limits, corrupt } = context
  const entries = tableEntries(json, limits.entries, corrupt)
  const files: Array<PlannedFile> = []
  const contents = new Map<string, Content>()
  const index: Array<string> = []
  let [bytes, position] = [0, 0]
  /** The last entry, if it is a file that has bytes. */
  let open: OpenFile | undefined
  /** The last file that has bytes. */
  let last: OpenFile | undefined

  /** `end`: where the next file's bytes begin, for a table that does not say where these end. */
  const chunksOf = ({ path, size, digest, pieces }: OpenFile, end: number): ReadonlyArray<Chunk> => {
    let at = 0
    const ended = pieces[0]?.end ?? end
    return pieces.map((piece, i) => {
      const { offset, isZeros } = piece
      const length = piece.size ?? size - piece.position
      const to = pieces[i + 1]?.offset ?? ended
      if (offset === undefined || piece.position !== at || offset < position || to <= offset || to > place.offset)
        throw corrupt(`its table of contents has bytes in the wrong place: of ${JSON.stringify(path.slice(0, 120))}`)
      at += length
      position = to
      if (length <= 0 || at > size || (i === pieces.length - 1 && at !== size))
        throw corrupt(
          `its table of contents has pieces that do not add up to the file: ${JSON.stringify(path.slice(0, 120))}`
        )
      if (digest === undefined && piece.digest === undefined)
        throw corrupt(`its table of contents has no digest of ${JSON.stringify(path.slice(0, 120))}`)
      return { from: offset, to, size: length, digest: piece.digest, isZeros }
    })
  }
  const contentOf = ({ digest, size, path }: OpenFile): Content | undefined => {
    if (digest === undefined) return undefined
    index.push(indexLine(digest, path))
    const known = contents.get(digest)
    if (known !== undefined && known.size !== size)
      throw corrupt(`its table of contents has two sizes of sha256:${digest}`)
    const content = known ?? { digest, size, found: undefined }
    if (known === undefined) contents.set(digest, content)
    return content
  }
  const settle = (end: number) => {
    if (last !== undefined) files.push({ content: contentOf(last), chunks: chunksOf(last, end) })
    last = undefined
  }

  for (let at = 0; at < entries.starts.length; at++) {
    const entry = readEntry(entryAt(json, entries, at, corrupt), corrupt)
    if (entry.is === "chunk") {
      if (open === undefined || open.path !== entry.path) throw corrupt("its table of contents has a piece of no file")
      open.pieces.push(entry.piece)
      continue
    }
    open = undefined
    if (entry.is === "entry") continue
    const { header, digest: hex, piece } = entry
    const { path, size } = header
    bytes += size
    atMost(limits, "layerBytes", bytes, () => `layer ${digest}`)
    if (size === 0) continue
    settle(piece.offset ?? 0)
    if (!isOfImage(place, path)) continue
    open = { path, size, digest: hex, pieces: [piece] }
    last = open
  }
  settle(place.offset)
  return { json, entries, files, contents, index }
}
