/** A signature as it was found, which nothing is proven of yet. It can be written as JSON and read again. */
import * as Shape from "../../image/json/Shape.ts"

/** cosign's tag scheme: a payload (simple signing), and what the annotations of its layer say. */
const SimpleSigning = Shape.Struct({
  _tag: Shape.Literals(["SimpleSigning"]),
  /** For errors. */
  name: Shape.String,
  /** Base64. */
  payload: Shape.String,
  /** Base64. */
  signature: Shape.String,
  /** PEM; of a signature without a key of its own. */
  certificate: Shape.optionalKey(Shape.String),
  chain: Shape.optionalKey(Shape.String),
  /** JSON: the entry of the transparency log. */
  logEntry: Shape.optionalKey(Shape.String),
  /** JSON: the timestamp (RFC 3161). */
  timestamp: Shape.optionalKey(Shape.String)
})

/** A Sigstore bundle. */
const Bundle = Shape.Struct({
  _tag: Shape.Literals(["Bundle"]),
  name: Shape.String,
  /** JSON. */
  text: Shape.String
})

export const Candidate = Shape.Union(SimpleSigning, Bundle)
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
