/** One image for several platforms: OCI image index, Docker manifest list. */
import * as Effect from "effect/Effect"
import { Descriptor } from "./Descriptor.ts"
import { decodeAs } from "./json/decodeAs.ts"
import { TextMap } from "./json/lenient.ts"
import { parseJson } from "./json/parseJson.ts"
import * as Shape from "./json/Shape.ts"
import { isGenericType, isIndex, isManifest } from "./mediaTypes.ts"

const senseless = Shape.map(Shape.Unknown, () => undefined)

/** Those that make sense: what stands beside an image is not the image. */
const Entries = Shape.map(Shape.Array(Shape.Union(Descriptor, senseless)), (all) =>
  all.filter((it) => it !== undefined)
)

export const Index = Shape.Struct({
  mediaType: Shape.advice(Shape.String),
  artifactType: Shape.advice(Shape.String),
  manifests: Shape.withDefault(Entries, []),
  annotations: Shape.advice(TextMap)
})
export type Index = typeof Index.Type

/** What is wrong with the first entry of an index that makes no sense. */
export const senselessEntry = (index: Uint8Array): Effect.Effect<string | undefined> =>
  parseJson(index).pipe(
    Effect.flatMap((json) => decodeAs(Shape.Struct({ manifests: Shape.Array(Descriptor) }), json)),
    Effect.match({ onFailure: (problem) => problem, onSuccess: () => undefined })
  )

/** BuildKit files attestations among the images, for the platform `unknown/unknown`: they are nothing to run. */
export const isAttestation = ({ annotations, platform }: Descriptor): boolean =>
  annotations?.["vnd.docker.reference.type"] !== undefined ||
  (platform?.os === "unknown" && platform.architecture === "unknown")

/** An entry that may lead to an image. Its type is advice: what it names tells its own. */
export const mayBeImage = (entry: Descriptor): boolean =>
  !isAttestation(entry) && (isManifest(entry.mediaType) || isIndex(entry.mediaType) || isGenericType(entry.mediaType))
