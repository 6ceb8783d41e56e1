/** Options of what `ociflow/registry` reads: those of a client, without what needs a store or a file. */
import type { ArtifactOptions, BlobOptions, ManifestOptions, ReferrersOptions } from "../../api/config.ts"

export type ReadManifestOptions = Pick<ManifestOptions, "platform">
export type ReadReferrersOptions = Pick<ReferrersOptions, "artifactType">
export type ReadBlobOptions = Pick<BlobOptions, "gate">
export type ReadArtifactOptions = Pick<ArtifactOptions, "artifactType" | "accept" | "platform">
