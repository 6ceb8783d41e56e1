/** What an attestation says (in-toto, spec/v1/statement.md): of which artifacts, and what. */
import { isObject } from "../../image/json/isObject.ts"
import { algorithmOf, hexOf } from "../../image/reference/Digest.ts"

export const statementType = "application/vnd.in-toto+json"
const versions: ReadonlySet<unknown> = new Set(["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"])

export interface Statement {
  readonly predicateType: string
  readonly predicate: unknown
}

/** The statement, or what is wrong with it. One of its subjects must be `digest`. */
export const statementAbout = (digest: string, payload: Uint8Array): Statement | string => {
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(payload).toString())
  } catch {
    return "its statement is not JSON"
  }
  const { _type: version, subject, predicateType, predicate } = isObject(json) ? json : {}
  if (!versions.has(version)) return "its payload is not a statement (in-toto)"
  if (!Array.isArray(subject) || typeof predicateType !== "string") return "its statement has no subject or no type"
  const isAbout = subject.some(
    (it: unknown) =>
      isObject(it) &&
      isObject(it.digest) &&
      Object.hasOwn(it.digest, algorithmOf(digest)) &&
      it.digest[algorithmOf(digest)] === hexOf(digest)
  )
  return isAbout ? { predicateType, predicate } : "its statement is about another image"
}
