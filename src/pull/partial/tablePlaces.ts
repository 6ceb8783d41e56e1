/**
 * Where a layer's table of contents is, by its annotations. `io.github.containers.zstd-chunked.*` is containers/storage's
 * (pkg/chunked), `containerd.io/snapshot/stargz/toc.digest` is stargz-snapshotter's (estargz.md).
 */

import type { TablePlace } from "../../layer/partial/Table.ts"
import type { FoundImage } from "../../registry/Registry.ts"

/** Without a place: that of eStargz is in the blob's last bytes. */
export type AnnotatedTable =
  | TablePlace
  | { readonly form: "estargz"; readonly digest: string; readonly offset?: undefined }

/** The second is what versions of 2022 and before write. */
const chunked = ["io.github.containers.zstd-chunked", "io.containers.zstd-chunked"]
const stargz = "containerd.io/snapshot/stargz/toc.digest"

const isSha256 = (text: unknown): text is string => typeof text === "string" && /^sha256:[0-9a-f]{64}$/.test(text)

/** Offset, length, uncompressed length, and the only type that there is. */
const position = /^(\d{1,15}):(\d{1,15}):(\d{1,15}):1$/

const annotatedTable = (annotations: Readonly<Record<string, string>>, size: number): AnnotatedTable | undefined => {
  for (const prefix of chunked) {
    const digest = annotations[`${prefix}.manifest-checksum`]
    const [, from, bytes] = position.exec(annotations[`${prefix}.manifest-position`] ?? "") ?? []
    const [offset, length] = [Number(from), Number(bytes)]
    if (isSha256(digest) && length > 0 && offset + length <= size)
      return { form: "zstd:chunked", digest, offset, length }
  }
  const toc = annotations[stargz]
  return isSha256(toc) ? { form: "estargz", digest: toc } : undefined
}

/** By the layer's digest. */
export const annotatedTables = ({ manifest }: FoundImage): ReadonlyMap<string, AnnotatedTable> => {
  const tables = new Map<string, AnnotatedTable>()
  for (const { digest, size, annotations = {} } of manifest.value.layers) {
    const table = annotatedTable(annotations, size)
    if (table !== undefined) tables.set(digest, table)
  }
  return tables
}

/** Bytes of the footers of eStargz, and of the older stargz. */
export const footerBytes = 51
const olderFooterBytes = 47

/** An empty gzip member whose extra field says where the table begins. `footer`: the blob's last `footerBytes`. */
export const placeByFooter = (footer: Buffer, digest: string, size: number): TablePlace | undefined => {
  const text = footer.toString("latin1")
  const isMember = (at: number) => text.startsWith("\x1f\x8b\x08\x04", at)
  const [, now] = isMember(0) ? (/^.{10}\x1a\0SG\x16\0([0-9a-f]{16})STARGZ/s.exec(text) ?? []) : []
  const [, older] = isMember(4) ? (/^.{14}\x16\0([0-9a-f]{16})STARGZ/s.exec(text) ?? []) : []
  const hex = now ?? older
  if (hex === undefined) return undefined
  const offset = Number.parseInt(hex, 16)
  const length = size - (now === undefined ? olderFooterBytes : footerBytes) - offset
  return length > 0 ? { form: "estargz", digest, offset, length } : undefined
}
