/**
 * Everything that can go wrong in a pull, as data.
 *
 * A pull fails with one `PullError`, which has the reference and a `reason`. Each reason is a tagged class: `isRetryable`
 * tells whether trying again may help, `message` what was wanted and what was found, `advice` what to do about it. No
 * reason contains a credential, a token or a query string: addresses are reduced to origin and path.
 */
import { isError } from "./codeOf.ts"
import { withoutUserInfo } from "./printable.ts"
import {
  CredentialsUnavailable,
  DeadlineExceeded,
  InvalidOption,
  InvalidReference,
  InvalidSource,
  ModuleMissing,
  NotImplemented
} from "./reasons/call.ts"
import {
  ArtifactMismatch,
  DigestMismatch,
  InvalidManifest,
  LimitExceeded,
  NotAnImage,
  PlatformNotFound,
  SizeMismatch,
  UnknownUser,
  UnsupportedDigest,
  UnsupportedMediaType
} from "./reasons/image.ts"
import {
  BodyGone,
  CorruptLayer,
  NotInImage,
  UnsafeEntry,
  UnsuitablePath,
  UnsupportedEntry,
  WorkerDied
} from "./reasons/layer.ts"
import {
  AccessDenied,
  AddressRefused,
  BlobInterrupted,
  BlobNotFound,
  InvalidResponse,
  ManifestNotFound,
  RateLimited,
  RegistryError,
  RegistryUnreachable
} from "./reasons/registry.ts"
import { IdentityMismatch, SignatureRejected, TrustUnavailable, Unsigned } from "./reasons/signature.ts"
import {
  CatalogueFailed,
  CatalogueTooNew,
  FileSystemFailed,
  NotCached,
  NotEnoughSpace,
  StoreDamaged,
  UnsafeStore
} from "./reasons/store.ts"
import { calledAt, taggedError } from "./taggedError.ts"

/** Drops what may hold a secret from an address: user info, query and fragment. */
export const redactUrl = (url: string | URL): string => {
  try {
    const { origin, pathname } = new URL(url)
    return origin + pathname
  } catch {
    return "(unparsable address)"
  }
}

export { printable } from "./printable.ts"

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
  LimitExceeded,
  ManifestNotFound,
  ModuleMissing,
  NotAnImage,
  NotCached,
  NotEnoughSpace,
  NotImplemented,
  NotInImage,
  PlatformNotFound,
  RateLimited,
  RegistryError,
  RegistryUnreachable,
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
}

/** Every reason's class by its tag. A reason that was sent between threads is rebuilt from it. */
export const reasons = {
  InvalidReference,
  NotImplemented,
  InvalidOption,
  RegistryUnreachable,
  AccessDenied,
  CredentialsUnavailable,
  RateLimited,
  ManifestNotFound,
  BlobNotFound,
  RegistryError,
  InvalidResponse,
  AddressRefused,
  InvalidSource,
  DeadlineExceeded,
  PlatformNotFound,
  NotAnImage,
  ArtifactMismatch,
  UnsupportedMediaType,
  UnsupportedDigest,
  DigestMismatch,
  SizeMismatch,
  InvalidManifest,
  UnknownUser,
  Unsigned,
  SignatureRejected,
  IdentityMismatch,
  TrustUnavailable,
  BlobInterrupted,
  CorruptLayer,
  UnsafeEntry,
  BodyGone,
  LimitExceeded,
  FileSystemFailed,
  NotEnoughSpace,
  WorkerDied,
  NotCached,
  NotInImage,
  UnsuitablePath,
  UnsupportedEntry,
  CatalogueFailed,
  StoreDamaged,
  UnsafeStore,
  CatalogueTooNew,
  ModuleMissing
} as const

/** Why a pull failed. */
export type Reason = InstanceType<(typeof reasons)[keyof typeof reasons]>

export const isReason = (u: unknown): u is Reason => isError(u) && "_tag" in u && Object.hasOwn(reasons, String(u._tag))

/**
 * A call failed. `Effect.catchReason("PullError", "AccessDenied", …)` handles one reason. The stack leads to the caller's
 * own line. JSON, loggers and `console.error` show the message and the advice.
 */
export class PullError extends taggedError("PullError")<{
  readonly reference: string
  readonly reason: Reason
}> {
  constructor(fields: { readonly reference: string; readonly reason: Reason }) {
    super({ ...fields, reference: withoutUserInfo(String(fields.reference ?? "")) })
    calledAt(this, this)
  }
  get isRetryable() {
    return this.reason.isRetryable
  }
  override get message() {
    const { reference, reason } = this
    const named = "input" in reason ? reason.input : "source" in reason ? reason.source : undefined
    const isNamed = named?.trim() === reference.trim()
    return isNamed ? reason.message : `${reference}: ${reason.message}`
  }
  get advice() {
    return this.reason.advice
  }
}
