/** An entry for users, of what an archive tells. */
import type { Limits } from "../../api/config.ts"
import { printable } from "../../api/errors.ts"
import { decodeName } from "../../layer/decodeName.ts"
import type { EntryHeader } from "../../layer/Entry.ts"
import type { BodyReader } from "../../layer/EntryCursor.ts"
import { atMost } from "../../layer/limits.ts"
import type { Gate } from "../../reactive/Gate.ts"
import type { Entry } from "./Entry.ts"
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
  const { linkPath, mtime, ...facts } = header
  const entry: Entry = {
    path,
    rawPath: header.path,
    ...(linkPath === "" ? {} : { linkPath: decodeName(linkPath) }),
    type: facts.type,
    mode: facts.mode,
    uid: facts.uid,
    gid: facts.gid,
    size: facts.size,
    mtime: new Date(mtime.seconds * 1000 + Math.floor(mtime.nanos / 1e6)),
    xattrs: facts.xattrs,
    layer,
    body,
    body$: body.observable$,
    bytes,
    text: async () => decoder.decode(await bytes())
  }
  return { header, entry, body }
}
