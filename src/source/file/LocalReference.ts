/**
 * An image in a file, in place of a registry: `oci:path[:image]` for an OCI layout, a directory or an archive of one,
 * `docker-archive:path[:image]` for what `docker save` writes. `-` as the path is the standard input; `-` alone is
 * `docker-archive:-`, which takes both forms. `image` says which of several: a tag, a name, or `@` with a digest.
 *
 * As skopeo has it, the path ends at the first colon. In the canonical form it is absolute: the catalogue knows an image
 * by where it came from, and never by a name that stands within the file. The file's author chose that one, and a
 * pull of the same name from a registry would be served from it.
 */
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import { InvalidReference, printable, type UnsupportedDigest } from "../../api/errors.ts"
import { type Digest, parseDigest } from "../../image/reference/Digest.ts"
import { format, parse } from "../../image/reference/Reference.ts"
import { suggestReference } from "../../image/reference/suggestReference.ts"
import { type Transport, transportOf } from "./transports.ts"

export interface LocalReference {
  readonly transport: Transport
  /** Absolute; `-` is the standard input. */
  readonly path: string
  /** A tag or a name, as the file has it. */
  readonly image?: string
  readonly digest?: Digest
}

export const standardInput = "-"

const longestPath = 4096
/** The grammar of `org.opencontainers.image.ref.name` (image-spec, annotations.md), with the slashes, colons and at signs of a name. */
const imageGrammar = /^[A-Za-z0-9][A-Za-z0-9._/:@+-]{0,511}$/

/** A drive's letter is not a path of its own. */
const windowsPath = /^(?:[A-Za-z]:(?=[\\/]))?[^:]*/

/** Helm writes `oci://` before a registry's host. */
const hostAddress = /^\/\/(?:localhost|[a-z\d-]+(?:\.[a-z\d-]+)+(?=[/:])|[a-z\d-]+(?=:))(?::\d+)?\/[a-z\d]/i

/** `undefined` where the text is not a reference to a file. */
export const parseLocal = Effect.fnUntraced(function* (
  text: string
): Effect.fn.Return<LocalReference | undefined, InvalidReference | UnsupportedDigest> {
  const input = String(text ?? "").trim()
  if (input === standardInput) return { transport: "docker-archive", path: standardInput }
  const colon = input.indexOf(":")
  const transport = transportOf(input.slice(0, Math.max(colon, 0)))
  if (transport === undefined) return undefined

  const rest = input.slice(colon + 1)
  const written = (process.platform === "win32" ? windowsPath : /^[^:]*/).exec(rest)?.[0] ?? ""
  const image = rest.slice(written.length + 1)
  const refuse = (problem: string) => {
    const { write: suggestion } = suggestReference(input) ?? {}
    return new InvalidReference({ input, problem, ...(suggestion === undefined ? {} : { suggestion }) })
  }
  if (hostAddress.test(rest)) return yield* refuse("it is the address of a registry, not of a file")
  if (written === "") return yield* refuse("the path is empty")
  if (written.length > longestPath || written.includes("\0")) return yield* refuse("the path is invalid")
  const place = { transport, path: written === standardInput ? written : resolve(written) }
  if (image === "") return place
  if (image.startsWith("@")) return { ...place, digest: yield* parseDigest(image.slice(1)) }
  if (/@[a-z0-9+._-]+$/.test(written) && /^[0-9a-f]{32,}$/.test(image))
    return yield* refuse("a colon is missing before the digest")
  if (!imageGrammar.test(image)) return yield* refuse(`invalid name of an image: ${printable(image)}`)
  return { ...place, image }
})

export const formatLocal = ({ transport, path, image, digest }: LocalReference): string =>
  `${transport}:${path}${image === undefined ? "" : `:${image}`}${digest === undefined ? "" : `:@${digest}`}`

/** The catalogue's name for an image. All spellings of a reference have the same. */
export const nameOf = Effect.fnUntraced(function* (text: string) {
  const local = yield* parseLocal(text)
  return local === undefined ? format(yield* parse(text)) : formatLocal(local)
})

/** How a layout of blobs lists an image that the catalogue knows by this name. */
export const layoutNamesOf = Effect.fnUntraced(function* (name: string) {
  const local = yield* parseLocal(name)
  return local === undefined ? { short: (yield* parse(name)).tag, full: name } : { short: local.image, full: undefined }
})
