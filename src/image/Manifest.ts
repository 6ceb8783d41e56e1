/** One image for one platform: OCI image manifest, Docker image manifest v2 schema 2. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Descriptor } from "./Descriptor.ts"
import { advice, TextMap } from "./json/lenient.ts"

export class Manifest extends Schema.Class<Manifest>("oci/Manifest")({
  mediaType: advice(Schema.String),
  artifactType: advice(Schema.String),
  config: Descriptor,
  /** The lowest layer first; one layer may stand here twice. */
  layers: Schema.Array(Descriptor).pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed([]))),
  annotations: advice(TextMap)
}) {}

/** Image-spec, manifest.md, "Guidelines for Artifact Usage". */
export const artifactTypeOf = ({ artifactType, config }: Manifest): string => artifactType || config.mediaType
