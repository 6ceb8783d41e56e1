/** What is read of registries alone, as Effects and Observables. */
import type * as Effect from "effect/Effect"
import type { Observable } from "rxjs"
import type { Watching } from "../../api/config.ts"
import type { PullError } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import type { Artifact, FileInMemory } from "../../api/results/Artifact.ts"
import type { ImageConfig } from "../../api/results/ImageConfig.ts"
import type { ManifestDocument, Referrer, Resolution } from "../../api/results/Lookup.ts"
import type { BlobFunction } from "../blob/BlobFunction.ts"
import type { ReadArtifactOptions, ReadManifestOptions, ReadReferrersOptions } from "./options.ts"

type Read<Options, A> = (reference: string, options?: Options & Watching, emit?: Emit) => Effect.Effect<A, PullError>

export interface RegistryFunctions {
  /** What a reference stands for now: digest, platforms, sizes. */
  readonly resolve: Read<object, Resolution>
  /** The document that a reference stands for, or with a platform the manifest for that. */
  readonly manifest: Read<ReadManifestOptions, ManifestDocument>
  /** An image's config: environment, entry point, user and more. */
  readonly config: Read<ReadManifestOptions, ImageConfig>
  /** The tags of a reference's repository. Pages are asked for as they are needed. */
  readonly tags$: (reference: string, options?: Watching) => Observable<string>
  readonly tags: Read<object, ReadonlyArray<string>>
  /** Artifacts attached to the image (signatures, SBOMs), as the registry lists them. */
  readonly referrers$: (reference: string, options?: ReadReferrersOptions & Watching) => Observable<Referrer>
  readonly referrers: Read<ReadReferrersOptions, ReadonlyArray<Referrer>>
  /** An artifact, with its files in memory: at most `limits.artifactBytes` together. */
  readonly artifact: Read<ReadArtifactOptions, Artifact<FileInMemory>>
  /** The bytes of any blob of the repository, verified as they pass; the last piece comes when all are. */
  readonly blob$: BlobFunction
  /** The same bytes, each piece when it is asked for. */
  readonly blob: (reference: string, digest: string, options?: Watching) => AsyncIterable<Uint8Array>
  /** Resolves when all cancelled subscriptions have closed their files and sockets. */
  readonly settled: Effect.Effect<void>
}
