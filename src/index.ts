/**
 * ociflow pulls OCI and Docker images from Node, without a daemon.
 *
 * - `open` returns a client with the Promise and Observable APIs.
 * - `pull` and `Puller` are the Effect API.
 * - A pull fails with a `PullError`; its `reason` is one of the classes in `reasons`.
 */

export {
  type ArtifactOptions,
  type BlobOptions,
  type BundleOptions,
  type ClientCertificate,
  type ConfigOptions,
  type Credentials,
  type CredentialsOf,
  type Durability,
  defaultLimits,
  defaultPulls,
  defaultRetry,
  defaultTimeouts,
  type EntriesOptions,
  type ExportFormat,
  type ExportOptions,
  type HoldOptions,
  type HostOptions,
  type LayoutName,
  type Limits,
  type ListDirectoryOptions,
  type ListOptions,
  type LookOptions,
  type ManifestOptions,
  type MirrorOptions,
  type OverlayAttributes,
  type Ownership,
  type Preflight,
  type ProxyOptions,
  type PruneOptions,
  type PullerOptions,
  type PullOptions,
  type PullPolicy,
  type PullsOptions,
  type ReadFileOptions,
  type ReferrersOptions,
  type RetryOptions,
  type Some,
  type StatFormat,
  type Timeouts,
  type TlsOptions,
  type TreeOptions,
  type VerifyOptions,
  type Watching
} from "./api/config.ts"
export {
  AccessDenied,
  AddressRefused,
  ArtifactMismatch,
  BlobInterrupted,
  BlobNotFound,
  BodyGone,
  CatalogueFailed,
  CatalogueTooNew,
  CorruptLayer,
  CredentialsUnavailable,
  DeadlineExceeded,
  DigestMismatch,
  FileSystemFailed,
  IdentityMismatch,
  InvalidManifest,
  InvalidOption,
  InvalidReference,
  InvalidResponse,
  InvalidSource,
  isReason,
  LimitExceeded,
  ManifestNotFound,
  ModuleMissing,
  NotAnImage,
  NotCached,
  NotEnoughSpace,
  NotImplemented,
  NotInImage,
  PlatformNotFound,
  PullError,
  RateLimited,
  type Reason,
  RegistryError,
  RegistryUnreachable,
  reasons,
  SignatureRejected,
  SizeMismatch,
  StoreDamaged,
  TrustUnavailable,
  UnknownUser,
  UnsafeEntry,
  UnsafeStore,
  Unsigned,
  UnsuitablePath,
  UnsupportedDigest,
  UnsupportedEntry,
  UnsupportedMediaType,
  WorkerDied
} from "./api/errors.ts"
export type {
  Emit,
  LayerCached,
  LayerDone,
  LayerProgress,
  LayerStarted,
  LayerWaiting,
  PullEvent,
  Pulled,
  PulledImage,
  PulledLayer,
  Quota,
  Resolved,
  Resolving,
  Retrying,
  SignatureVerified,
  Warning,
  WarningCode
} from "./api/events.ts"
export type { Artifact, ArtifactFile, FileInMemory, WrittenFile } from "./api/results/Artifact.ts"
export type { Bundle } from "./api/results/Bundle.ts"
export type { Healthcheck, HistoryEntry, ImageConfig } from "./api/results/ImageConfig.ts"
export type { ManifestDocument, OfferedPlatform, Referrer, Resolution } from "./api/results/Lookup.ts"
export type {
  IdentityRequirement,
  ImageToVerify,
  KeyRequirement,
  SignatureDetails,
  SignatureFunction,
  SignatureOptions,
  SignaturePolicy,
  SignatureRequirement,
  SignatureRule,
  SignatureRules,
  SignatureVerdict,
  SignedIdentity,
  TufOptions,
  VerifiedSignature
} from "./api/signatures.ts"
export { type Client, type Held, open } from "./client.ts"
export type { EntryType } from "./layer/Entry.ts"
export { lowerdir } from "./layer/layout/lowerdir.ts"
export { login, logout } from "./login.ts"
export { Puller, pull } from "./Puller.ts"
export type { PullState, Pulls, StartOptions, TrackedPull } from "./pulls/Pulls.ts"
export { Gate } from "./reactive/Gate.ts"
export type { Entry, EntryFacts } from "./read/entries/Entry.ts"
export type { ImageDetails, ImageSummary, ManifestDetails } from "./store/records/ImageRecord.ts"
export type {
  FailedRemoval,
  Fault,
  ImageUsage,
  KeptBlob,
  Reclaimed,
  ReclaimedBlob,
  TableTree,
  UnknownTree,
  Usage,
  Verified
} from "./store/UpkeepResults.ts"
