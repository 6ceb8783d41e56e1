/** One image for one platform: OCI image manifest, Docker image manifest v2 schema 2. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Annotations, Descriptor } from "./Descriptor.ts"

export class Manifest extends Schema.Class<Manifest>("oci/Manifest")({
  schemaVersion: Schema.Literal(2),
  mediaType: Schema.optionalKey(Schema.String),
  artifactType: Schema.optionalKey(Schema.String),
  config: Descriptor,
  /** The lowest layer first; one layer may stand here twice. */
  layers: Schema.Array(Descriptor).pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  annotations: Schema.optionalKey(Annotations)
}) {}
