/** An entry for users, of what an archive tells. */
import type { Limits } from "../../api/config.ts"
import { printable } from "../../api/errors.ts"
import { decodeName } from "../../layer/decodeName.ts"
import type { EntryHeader } from "../../layer/Entry.ts"
import type { BodyReader } from "../../layer/EntryCursor.ts"
import { atMost } from "../../layer/limits.ts"
import type { Gate } from "../../reactive/Gate.ts"
import type { Entry, EntryFacts } from "./Entry.ts"
import { EntryBody } from "./EntryBody.ts"

/** Where an entry is from, and who reads it. */
export interface EntryOrigin {
  /** Digest of the layer's blob. */
  readonly digest: string
  readonly limits: Limits
  /** Makes a `Reason` the error that users see. */
  readonly named: (error: unknown) => unknown
  readonly gate?: Gate | undefined
}

/** An entry, and what the library itself knows of it. */
export interface ReadEntry {
  readonly header: EntryHeader
  readonly entry: Entry
  readonly body: EntryBody
}

const decoder = new TextDecoder()

const isDevice = ({ type }: EntryHeader) => type === "character-device" || type === "block-device"

/** `layer`: digest of the layer's blob. */
export const factsOf = (header: EntryHeader, layer: string): EntryFacts => {
  const { path, linkPath, mtime } = header
  return {
    path: decodeName(path),
    rawPath: path,
    ...(linkPath === "" ? {} : { linkPath: decodeName(linkPath), rawLinkPath: linkPath }),
    type: header.type,
    mode: header.mode,
    uid: header.uid,
    gid: header.gid,
    size: header.size,
    mtime: new Date(mtime.seconds * 1000 + Math.floor(mtime.nanos / 1e6)),
    mtimeNs: BigInt(mtime.seconds) * 1_000_000_000n + BigInt(mtime.nanos),
    ...(isDevice(header) ? { device: { major: header.devMajor, minor: header.devMinor } } : {}),
    xattrs: header.xattrs,
    layer
  }
}

export const makeEntry = (origin: EntryOrigin, header: EntryHeader, reader: BodyReader): ReadEntry => {
  const { digest: layer, limits, named, gate } = origin
  const path = decodeName(header.path)
  const body = new EntryBody(reader, { path, named, gate })
  const check = () => {
    try {
      atMost(limits, "bodyBytes", header.size, () => `layer ${layer}, file ${JSON.stringify(printable(path, 120))}`)
    } catch (error) {
      throw named(error)
    }
  }
  const bytes = async () => {
    check()
    const { read } = body.take()
    let whole: Buffer | undefined
    let at = 0
    for (let piece = await read(); piece !== undefined; piece = await read()) {
      whole ??= Buffer.alloc(header.size)
      whole.set(piece, at)
      at += piece.length
    }
    return whole ?? Buffer.alloc(0)
  }
  const entry: Entry = {
    ...factsOf(header, layer),
    body,
    body$: body.observable$,
    bytes,
    text: async () => decoder.decode(await bytes())
  }
  return { header, entry, body }
}
