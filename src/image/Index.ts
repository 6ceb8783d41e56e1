/** One image for several platforms: OCI image index, Docker manifest list. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { transform } from "effect/SchemaTransformation"
import { Descriptor } from "./Descriptor.ts"
import { decodeAs } from "./json/decodeAs.ts"
import { advice, TextMap } from "./json/lenient.ts"
import { parseJson } from "./json/parseJson.ts"
import { isGenericType, isIndex, isManifest } from "./mediaTypes.ts"

/** Those that make sense: what stands beside an image is not the image. */
const Entries = Schema.Array(Schema.Union([Descriptor, Schema.Unknown])).pipe(
  Schema.decodeTo(
    Schema.Array(Schema.toType(Descriptor)),
    transform<ReadonlyArray<Descriptor>, ReadonlyArray<unknown>>({
      decode: (all) => all.filter((entry) => entry instanceof Descriptor),
      encode: (entries) => entries
    })
  )
)

export class Index extends Schema.Class<Index>("oci/Index")({
  mediaType: advice(Schema.String),
  artifactType: advice(Schema.String),
  manifests: Entries.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed([]))),
  annotations: advice(TextMap)
}) {}

/** What is wrong with the first entry of an index that makes no sense. */
export const senselessEntry = (index: Uint8Array): Effect.Effect<string | undefined> =>
  parseJson(index).pipe(
    Effect.flatMap((json) => decodeAs(Schema.Struct({ manifests: Schema.Array(Descriptor) }), json)),
    Effect.match({ onFailure: (problem) => problem, onSuccess: () => undefined })
  )

/** BuildKit files attestations among the images, for the platform `unknown/unknown`: they are nothing to run. */
export const isAttestation = ({ annotations, platform }: Descriptor): boolean =>
  annotations?.["vnd.docker.reference.type"] !== undefined ||
  (platform?.os === "unknown" && platform.architecture === "unknown")

/** An entry that may lead to an image. Its type is advice: what it names tells its own. */
export const mayBeImage = (entry: Descriptor): boolean =>
  !isAttestation(entry) && (isManifest(entry.mediaType) || isIndex(entry.mediaType) || isGenericType(entry.mediaType))
