/** Options of what `ociflow/registry` reads: those of a client, without what needs a store or a file. */
import type {
  ArtifactOptions,
  BlobOptions,
  ManifestOptions,
  PullerOptions,
  ReferrersOptions
} from "../../api/config.ts"
import type { RegistryOptions } from "../../registry/makeRegistry.ts"

/** How registries are reached, and which signatures images must have. */
export type ReaderOptions = RegistryOptions & Pick<PullerOptions, "verify">

export type ReadManifestOptions = Pick<ManifestOptions, "platform">
export type ReadReferrersOptions = Pick<ReferrersOptions, "artifactType">
export type ReadBlobOptions = Pick<BlobOptions, "gate">
export type ReadArtifactOptions = Pick<ArtifactOptions, "artifactType" | "accept" | "platform">
