/** One image for one platform: OCI image manifest, Docker image manifest v2 schema 2. */

import { Descriptor } from "./Descriptor.ts"
import { TextMap } from "./json/lenient.ts"
import * as Shape from "./json/Shape.ts"

export const Manifest = Shape.Struct({
  mediaType: Shape.advice(Shape.String),
  artifactType: Shape.advice(Shape.String),
  config: Descriptor,
  /** The lowest layer first; one layer may stand here twice. */
  layers: Shape.withDefault(Shape.Array(Descriptor), []),
  annotations: Shape.advice(TextMap)
})
export type Manifest = typeof Manifest.Type

/** Image-spec, manifest.md, "Guidelines for Artifact Usage". */
export const artifactTypeOf = ({ artifactType, config }: Manifest): string => artifactType || config.mediaType
