/**
 * `ociflow/registry`: registries read without a store, for programs that resolve tags, read manifests and configs, list what
 * there is, and take blobs and artifacts into memory. It loads no database, no extraction and no thread.
 *
 * - `openRegistry` returns a client with the Promise and Observable APIs.
 * - `RegistryReader` is the Effect API.
 *
 * Names, options and errors are those of `ociflow`.
 */
import type { Observable } from "rxjs"
import type { Watching } from "./api/config.ts"
import type { Artifact, FileInMemory } from "./api/results/Artifact.ts"
import type { ImageConfig } from "./api/results/ImageConfig.ts"
import type { ManifestDocument, Referrer, Resolution } from "./api/results/Lookup.ts"
import { makeRuntime } from "./makeRuntime.ts"
import type { BlobFunction } from "./read/blob/BlobFunction.ts"
import type {
  ReadArtifactOptions,
  ReaderOptions,
  ReadManifestOptions,
  ReadReferrersOptions
} from "./read/registry/options.ts"
import { RegistryReader } from "./read/registry/RegistryReader.ts"

export type {
  ClientCertificate,
  Credentials,
  CredentialsOf,
  HostOptions,
  Limits,
  MirrorOptions,
  ProxyOptions,
  RetryOptions,
  Some,
  Timeouts,
  TlsOptions,
  Watching
} from "./api/config.ts"
export { isReason, PullError, type Reason, reasons } from "./api/errors.ts"
export type { Emit, PullEvent } from "./api/events.ts"
export type { Artifact, ArtifactFile, FileInMemory } from "./api/results/Artifact.ts"
export type { Healthcheck, HistoryEntry, ImageConfig } from "./api/results/ImageConfig.ts"
export type { ManifestDocument, OfferedPlatform, Referrer, Resolution } from "./api/results/Lookup.ts"
export { Gate } from "./reactive/Gate.ts"
export type { BlobFunction } from "./read/blob/BlobFunction.ts"
export type {
  ReadArtifactOptions,
  ReadBlobOptions,
  ReaderOptions as RegistryOptions,
  ReadManifestOptions,
  ReadReferrersOptions
} from "./read/registry/options.ts"
export { RegistryReader } from "./read/registry/RegistryReader.ts"

/** Each function rejects with a `PullError`; with the signal's reason where it was aborted. */
export interface RegistryClient extends AsyncDisposable {
  /** What a reference stands for now: digest, platforms, sizes. */
  readonly resolve: (reference: string, options?: Watching) => Promise<Resolution>
  /** The document that a reference stands for, or with a platform the manifest for that. */
  readonly manifest: (reference: string, options?: ReadManifestOptions & Watching) => Promise<ManifestDocument>
  /** An image's config: environment, entry point, user and more. */
  readonly config: (reference: string, options?: ReadManifestOptions & Watching) => Promise<ImageConfig>
  /** The tags of a reference's repository. Pages are asked for as they are needed. */
  readonly tags$: (reference: string, options?: Watching) => Observable<string>
  readonly tags: (reference: string, options?: Watching) => Promise<ReadonlyArray<string>>
  /** Artifacts attached to the image (signatures, SBOMs), as the registry lists them. */
  readonly referrers$: (reference: string, options?: ReadReferrersOptions & Watching) => Observable<Referrer>
  readonly referrers: (reference: string, options?: ReadReferrersOptions & Watching) => Promise<ReadonlyArray<Referrer>>
  /** An artifact, with its files in memory: at most `limits.artifactBytes` together. */
  readonly artifact: (reference: string, options?: ReadArtifactOptions & Watching) => Promise<Artifact<FileInMemory>>
  /** The bytes of any blob of the repository, verified as they pass; the last piece comes when all are. */
  readonly blob$: BlobFunction
  /** The same bytes, each piece when it is asked for. */
  readonly blob: (reference: string, digest: string, options?: Watching) => AsyncIterable<Uint8Array>
  /** Resolves when all cancelled subscriptions have closed their sockets. */
  readonly settled: () => Promise<void>
  /** Cancels what is under way, and resolves when all sockets are closed. */
  readonly close: () => Promise<void>
}

/** Connections and tokens are kept until the client is closed. Rejects with a `PullError`. */
export const openRegistry = async (options: ReaderOptions = {}): Promise<RegistryClient> => {
  const { run, close } = makeRuntime(RegistryReader.layer(options))
  const reader = await run(RegistryReader)
  return {
    resolve: (reference, options) => run(reader.resolve(reference, options), options),
    manifest: (reference, options) => run(reader.manifest(reference, options), options),
    config: (reference, options) => run(reader.config(reference, options), options),
    tags$: reader.tags$,
    tags: (reference, options) => run(reader.tags(reference, options), options),
    referrers$: reader.referrers$,
    referrers: (reference, options) => run(reader.referrers(reference, options), options),
    artifact: (reference, options) => run(reader.artifact(reference, options), options),
    blob$: reader.blob$,
    blob: reader.blob,
    settled: () => run(reader.settled),
    close,
    [Symbol.asyncDispose]: close
  }
}
