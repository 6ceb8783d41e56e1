/** An entry for users, of what the worker read. */
import { lastValueFrom, merge, type Observable, reduce, take } from "rxjs"
import type { Limits } from "../../api/config.ts"
import { printable } from "../../api/errors.ts"
import type { Entry, EntryHeader } from "../Entry.ts"
import { atMost } from "../limits.ts"

const decoder = new TextDecoder()

/** A name as text: what is not UTF-8 in it becomes U+FFFD. */
export const decode = (binary: string): string => decoder.decode(Buffer.from(binary, "latin1"))

/** Where an entry is from. */
export interface EntryOrigin {
  /** Digest of the layer's blob. */
  readonly digest: string
  readonly limits: Limits
}

/** `interrupted$` fails the promises of a body that is still under way when the entries are unsubscribed from. */
export const makeEntry = (
  { digest: layer, limits }: EntryOrigin,
  header: EntryHeader,
  body$: Observable<Uint8Array>,
  interrupted$: Observable<never>
): Entry => {
  const bytes = async () => {
    atMost(limits, "bodyBytes", header.size, () => {
      return `layer ${layer}, file ${JSON.stringify(printable(decode(header.path), 120))}`
    })
    const whole = Buffer.alloc(header.size)
    const filling$ = body$.pipe(
      reduce((at, piece) => {
        whole.set(piece, at)
        return at + piece.length
      }, 0)
    )
    await lastValueFrom(merge(filling$, interrupted$).pipe(take(1)))
    return whole
  }
  const { linkPath, path, mtime, ...facts } = header
  return {
    path: decode(path),
    rawPath: path,
    ...(linkPath === "" ? {} : { linkPath: decode(linkPath) }),
    type: facts.type,
    mode: facts.mode,
    uid: facts.uid,
    gid: facts.gid,
    size: facts.size,
    mtime: new Date(mtime.seconds * 1000 + Math.floor(mtime.nanos / 1e6)),
    xattrs: facts.xattrs,
    layer,
    body$,
    bytes,
    text: async () => decoder.decode(await bytes())
  }
}
