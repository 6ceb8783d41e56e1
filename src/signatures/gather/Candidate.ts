/** A signature as it was found, which nothing is proven of yet. It can be written as JSON and read again. */
import * as Schema from "effect/Schema"

/** cosign's tag scheme: a payload (simple signing), and what the annotations of its layer say. */
const SimpleSigning = Schema.TaggedStruct("SimpleSigning", {
  /** For errors. */
  name: Schema.String,
  /** Base64. */
  payload: Schema.String,
  /** Base64. */
  signature: Schema.String,
  /** PEM; of a signature without a key of its own. */
  certificate: Schema.optionalKey(Schema.String),
  chain: Schema.optionalKey(Schema.String),
  /** JSON: the entry of the transparency log. */
  logEntry: Schema.optionalKey(Schema.String),
  /** JSON: the timestamp (RFC 3161). */
  timestamp: Schema.optionalKey(Schema.String)
})

/** A Sigstore bundle. */
const Bundle = Schema.TaggedStruct("Bundle", {
  name: Schema.String,
  /** JSON. */
  text: Schema.String
})

export const Candidate = Schema.Union([SimpleSigning, Bundle])
export type SimpleSigning = typeof SimpleSigning.Type
export type Bundle = typeof Bundle.Type
export type Candidate = typeof Candidate.Type

/** What was found in place of a signature that can be checked: it failed before it was one. */
export interface Unusable {
  readonly _tag: "Unusable"
  readonly name: string
  readonly problem: string
  /** A kind of signatures that ociflow knows of but does not check. */
  readonly feature?: string
}
