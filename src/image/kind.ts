/**
 * Index or manifest? A document that can be read as both is an attack: one reader checks the one, another runs the
 * other (CVE-2021-41190). So the type in the document, the type it was served as, the type its entry promised and what
 * it holds must all tell the same.
 */
import * as Effect from "effect/Effect"
import { InvalidManifest, printable, UnsupportedMediaType } from "../api/errors.ts"
import { isIndex, isManifest, isSchema1, ociIndex, ociManifest } from "./mediaTypes.ts"
import type { Digest } from "./reference/Digest.ts"

export interface Told {
  readonly digest: Digest
  /** `Content-Type` of the answer, without parameters; empty where there was none. */
  readonly served: string
  /** The type that the entry of the index gave. */
  readonly entry?: string
}

export interface Kind {
  readonly kind: "index" | "manifest"
  readonly mediaType: string
}

/** A server of plain files says this of anything. */
const sayingNothing: ReadonlySet<string> = new Set(["", "application/json", "application/octet-stream", "text/plain"])

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const known = ["schemaVersion", "mediaType", "manifests", "config", "layers", "fsLayers"] as const
type Known = (typeof known)[number]

const folded: ReadonlyMap<Known, RegExp> = new Map(known.map((name) => [name, new RegExp(`^${name}$`, "iu")]))

/** As Go reads keys, and with it most other readers: case does not count, by Unicode's folding ("ſ" is an "s"). */
const isAlike = (name: Known, key: string): boolean => folded.get(name)?.test(key) === true

export const kindOf = Effect.fnUntraced(function* (
  json: unknown,
  { digest, served, entry }: Told
): Effect.fn.Return<Kind, InvalidManifest | UnsupportedMediaType> {
  const invalid = (problem: string) => new InvalidManifest({ digest, problem })
  if (!isObject(json)) return yield* invalid("it is no JSON object")
  const keys = Object.keys(json)
  const alike = (name: Known) => keys.filter((key) => isAlike(name, key))
  for (const name of known) {
    const [first, second] = alike(name)
    if (second !== undefined)
      return yield* invalid(`it has both ${printable(first ?? "", 20)} and ${printable(second, 20)}`)
  }
  const has = (...names: ReadonlyArray<Known>) => names.filter((name) => alike(name).length > 0)
  const valueAt = (name: Known) => json[alike(name)[0] ?? name]

  const type = valueAt("mediaType")
  const declared = typeof type === "string" && type !== "" ? type : undefined
  const said = [declared, sayingNothing.has(served) ? undefined : served, entry].filter((type) => type !== undefined)
  const [mediaType] = said
  const schema1 = said.find(isSchema1) ?? (valueAt("schemaVersion") === 1 ? "schemaVersion 1" : undefined)
  if (schema1 !== undefined) return yield* new UnsupportedMediaType({ mediaType: schema1, subject: "the manifest" })
  const other = said.find((type) => type !== mediaType)
  if (mediaType !== undefined && other !== undefined)
    return yield* invalid(`it is called both ${printable(mediaType, 100)} and ${printable(other, 100)}`)

  const ofIndex = has("manifests")
  const ofManifest = has("config", "layers", "fsLayers")
  if (ofIndex.length > 0 && ofManifest.length > 0)
    return yield* invalid(`it could be both an index (${ofIndex.join()}) and a manifest (${ofManifest.join()})`)

  if (mediaType === undefined)
    return ofIndex.length > 0 ? { kind: "index", mediaType: ociIndex } : { kind: "manifest", mediaType: ociManifest }
  if (isIndex(mediaType))
    return ofManifest.length === 0
      ? { kind: "index", mediaType }
      : yield* invalid(`it is called an index and holds ${ofManifest.join()}`)
  if (isManifest(mediaType))
    return ofIndex.length === 0
      ? { kind: "manifest", mediaType }
      : yield* invalid(`it is called a manifest and holds ${ofIndex.join()}`)
  return yield* new UnsupportedMediaType({ mediaType, subject: "the manifest" })
})
