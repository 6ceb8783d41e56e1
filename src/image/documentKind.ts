/**
 * Index or manifest? A document that can be read as both is an attack: one reader checks the one, another runs the
 * other (CVE-2021-41190). So the type in the document, the type it was served as, the type its entry promised and what
 * it holds must all tell the same of that. Whether they say it in OCI's words or Docker's does not matter; the document's
 * own count first, since they are proven.
 */

import * as Effect from "effect/Effect"
import { InvalidManifest, printable, UnsupportedMediaType } from "../api/errors.ts"
import { asSpelled } from "./json/decodeAs.ts"
import { isObject } from "./json/isObject.ts"
import * as Shape from "./json/Shape.ts"
import { isGenericType, isIndex, isManifest, isSchema1, ociIndex, ociManifest } from "./mediaTypes.ts"
import type { Digest } from "./reference/Digest.ts"

export interface MediaTypeClaims {
  readonly digest: Digest
  /** `Content-Type` of the answer, without parameters; empty where there was none. */
  readonly served: string
  /** The type that the entry of the index gave. */
  readonly entry?: string
}

export interface DocumentKind {
  readonly kind: "index" | "manifest"
  readonly mediaType: string
}

/** What tells the kind; in any case, as most readers take it. */
const Telling = Shape.Struct({
  schemaVersion: Shape.Unknown,
  mediaType: Shape.Unknown,
  manifests: Shape.Unknown,
  config: Shape.Unknown,
  layers: Shape.Unknown,
  fsLayers: Shape.Unknown
})

export const documentKindOf = Effect.fnUntraced(function* (
  json: unknown,
  { digest, served, entry }: MediaTypeClaims
): Effect.fn.Return<DocumentKind, InvalidManifest | UnsupportedMediaType> {
  const invalid = (problem: string) => new InvalidManifest({ digest, problem })
  if (!isObject(json)) return yield* invalid("it is not a JSON object")
  const told = yield* Effect.mapError(asSpelled(Telling, json), invalid)
  const named = isObject(told) ? told : {}
  const has = (...names: ReadonlyArray<string>) => names.filter((name) => named[name] !== undefined)
  const { mediaType: type, schemaVersion } = named
  const declared = typeof type === "string" && !isGenericType(type) ? type : undefined
  const beside = [entry, served].filter((type): type is string => type !== undefined && !isGenericType(type))
  const said = declared === undefined ? beside : [declared, ...beside]
  const old = (declared === undefined ? beside : [declared]).find(isSchema1)
  const schema1 = old ?? (schemaVersion === 1 ? "schemaVersion 1" : undefined)
  if (schema1 !== undefined) return yield* new UnsupportedMediaType({ mediaType: schema1, subject: "the manifest" })
  const known = said.filter((type) => isIndex(type) || isManifest(type))
  const [mediaType] = known
  const other = known.find((type) => isIndex(type) !== isIndex(mediaType ?? ""))
  if (mediaType !== undefined && other !== undefined)
    return yield* invalid(`it is called both ${printable(mediaType, 100)} and ${printable(other, 100)}`)

  const ofIndex = has("manifests")
  const ofManifest = has("config", "layers", "fsLayers")
  if (ofIndex.length > 0 && ofManifest.length > 0)
    return yield* invalid(`it could be both an index (${ofIndex.join()}) and a manifest (${ofManifest.join()})`)

  const unknown = declared !== undefined && declared !== mediaType ? declared : undefined
  const shapeless = mediaType === undefined && ofIndex.length + ofManifest.length === 0 ? said[0] : undefined
  const unsupported = unknown ?? shapeless
  if (unsupported !== undefined)
    return yield* new UnsupportedMediaType({ mediaType: unsupported, subject: "the manifest" })
  if (mediaType === undefined)
    return ofIndex.length > 0 ? { kind: "index", mediaType: ociIndex } : { kind: "manifest", mediaType: ociManifest }
  if (isIndex(mediaType))
    return ofManifest.length === 0
      ? { kind: "index", mediaType }
      : yield* invalid(`it is called an index and holds ${ofManifest.join()}`)
  return ofIndex.length === 0
    ? { kind: "manifest", mediaType }
    : yield* invalid(`it is called a manifest and holds ${ofIndex.join()}`)
})
