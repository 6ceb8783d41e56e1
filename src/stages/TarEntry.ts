/** An entry for `archive`: those of `oci.entries` and `oci.tree` are such ones. */
import type { EntryHeader, EntryType } from "../layer/Entry.ts"

export interface TarEntry {
  readonly path: string
  /** The path byte for byte, as a binary (latin1) string. Default: `path` as UTF-8. */
  readonly rawPath?: string | undefined
  readonly type: EntryType
  /** Permission bits. */
  readonly mode: number
  /** Default 0. */
  readonly uid?: number | undefined
  /** Default 0. */
  readonly gid?: number | undefined
  /** Bytes of the body. Default 0. */
  readonly size?: number | undefined
  /** Nanoseconds since 1970. Default 0. */
  readonly mtimeNs?: bigint | undefined
  /** Target of a symbolic or hard link. */
  readonly linkPath?: string | undefined
  /** The same byte for byte, as a binary (latin1) string. Default: `linkPath` as UTF-8. */
  readonly rawLinkPath?: string | undefined
  readonly device?: { readonly major: number; readonly minor: number } | undefined
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined
  /** The bytes of a file that is not empty, as many as `size` says. */
  readonly body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | undefined
}

const giga = 1_000_000_000n

const binary = (text: string): string => Buffer.from(text).toString("latin1")

export const headerOf = (entry: TarEntry): EntryHeader => {
  const { path, rawPath, linkPath, rawLinkPath, mtimeNs = 0n, device } = entry
  const nanos = ((mtimeNs % giga) + giga) % giga
  return {
    path: rawPath ?? binary(path),
    linkPath: rawLinkPath ?? binary(linkPath ?? ""),
    type: entry.type,
    mode: entry.mode,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    size: entry.size ?? 0,
    mtime: { seconds: Number((mtimeNs - nanos) / giga), nanos: Number(nanos) },
    devMajor: device?.major ?? 0,
    devMinor: device?.minor ?? 0,
    xattrs: entry.xattrs ?? new Map()
  }
}
