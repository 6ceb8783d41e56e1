/**
 * A digest names bytes by their hash: `algorithm:encoded` (OCI image-spec, descriptor.md, "Digests").
 *
 * Digests become URLs and directory names, so a text is a `Digest` only after its grammar was checked: no text that
 * passes holds a slash, a dot pair, a space or a control character. Bytes can be proven by sha256, sha384 and sha512
 * only; another algorithm is a well-formed digest that `parseDigest` refuses with `UnsupportedDigest`.
 */
import type * as Brand from "effect/Brand"
import * as Effect from "effect/Effect"
import { InvalidReference, printable, UnsupportedDigest } from "../../api/errors.ts"
import { hashAlgorithms } from "./hashAlgorithms.ts"

export type Digest = string & Brand.Brand<"Digest">

const grammar = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+$/

/** An algorithm's name and its hash together fit a file name with room for a suffix. */
const longest = 200

export const algorithmOf = (digest: Digest | string): string => digest.slice(0, digest.indexOf(":"))

/** The part after the colon: lower-case hex for every digest that `parseDigest` gave. */
export const hexOf = (digest: Digest | string): string => digest.slice(digest.indexOf(":") + 1)

/** Well-formed; a registered algorithm has exactly its length in lower-case hex. */
export const isDigest = (text: string): text is Digest => {
  if (text.length > longest || !grammar.test(text)) return false
  const length = hashAlgorithms.get(algorithmOf(text))
  return length === undefined || (hexOf(text).length === length && /^[0-9a-f]+$/.test(hexOf(text)))
}

/** Whether bytes can be proven against it. */
export const isHashable = (digest: Digest): boolean => hashAlgorithms.has(algorithmOf(digest))

/** A digest that bytes can be proven against. */
export const parseDigest = (text: string): Effect.Effect<Digest, InvalidReference | UnsupportedDigest> => {
  if (!isDigest(text))
    return Effect.fail(new InvalidReference({ input: text, problem: `invalid digest: ${printable(text)}` }))
  return isHashable(text) ? Effect.succeed(text) : Effect.fail(new UnsupportedDigest({ digest: text }))
}
