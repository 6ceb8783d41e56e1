/** One image for several platforms: OCI image index, Docker manifest list. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Annotations, Descriptor } from "./Descriptor.ts"

export class Index extends Schema.Class<Index>("oci/Index")({
  schemaVersion: Schema.Literal(2),
  mediaType: Schema.optionalKey(Schema.String),
  artifactType: Schema.optionalKey(Schema.String),
  manifests: Schema.Array(Descriptor).pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  annotations: Schema.optionalKey(Annotations)
}) {}

/** BuildKit files attestations among the images, for the platform `unknown/unknown`: they are nothing to run. */
export const isAttestation = ({ annotations, platform }: Descriptor): boolean =>
  annotations?.["vnd.docker.reference.type"] !== undefined ||
  (platform?.os === "unknown" && platform.architecture === "unknown")
