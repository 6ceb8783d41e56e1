/**
 * Codecs of errors. What they encode to is what `toJSON` gives; what they decode are instances, whose message, advice and
 * `isRetryable` are computed from the fields anew.
 */
import * as Schema from "effect/Schema"
import { transform } from "effect/SchemaTransformation"
import * as errors from "../api/errors.ts"
import { boolean, type FieldsOf, maybe, number, text, texts } from "./struct.ts"

type Reasons = typeof errors.reasons
/** What the constructor takes. */
type Given<Tag extends keyof Reasons> = ConstructorParameters<Reasons[Tag]>[0]

/** The name and code of a cause. Nothing else of it travels. */
const Cause = maybe(Schema.Struct({ name: Schema.String, code: Schema.optionalKey(Schema.String) }) as never)

const digestAnd = { digest: text, problem: text }
const blob = maybe(Schema.Literals(["layer", "file"]))
const mismatch = { subject: text, expected: text, actual: text }
const answer = { url: text, code: maybe(text), detail: maybe(text) }

const fields: { readonly [Tag in keyof Reasons]: FieldsOf<Given<Tag>> } = {
  InvalidReference: { input: text, problem: text, suggestion: maybe(text) },
  NotImplemented: { feature: text },
  InvalidOption: { option: text, problem: text, known: maybe(texts), suggestion: maybe(text) },
  RegistryUnreachable: { url: text, problem: text, remedy: maybe(text), cause: Cause },
  AccessDenied: {
    ...answer,
    status: number,
    authenticated: boolean,
    challenged: maybe(boolean),
    redirected: maybe(boolean)
  },
  CredentialsUnavailable: { registry: text, cause: Cause },
  RateLimited: { url: text, retryAfterMillis: maybe(number), detail: maybe(text) },
  ManifestNotFound: answer,
  BlobNotFound: { url: text, digest: text },
  RegistryError: { ...answer, status: number, retryAfterMillis: maybe(number) },
  InvalidResponse: { url: text, problem: text, isPage: maybe(boolean) },
  AddressRefused: {
    from: text,
    to: text,
    problem: text,
    option: maybe(Schema.Literals(["trustedHosts", "plainHttp"])),
    registry: maybe(text)
  },
  InvalidSource: { source: text, problem: text },
  DeadlineExceeded: { millis: number },
  PlatformNotFound: { wanted: text, offered: texts },
  NotAnImage: { digest: text, artifactType: text },
  ArtifactMismatch: { digest: text, wanted: text, found: texts },
  UnsupportedMediaType: { mediaType: text, subject: text },
  UnsupportedDigest: { digest: text },
  DigestMismatch: mismatch,
  SizeMismatch: { subject: text, expected: number, actual: number },
  InvalidManifest: digestAnd,
  UnknownUser: { user: text, problem: text },
  Unsigned: { digest: text, scope: text },
  SignatureRejected: { digest: text, scope: text, failures: texts },
  IdentityMismatch: { digest: text, wanted: text, found: texts },
  TrustUnavailable: { source: text, problem: text, cause: Cause },
  BlobInterrupted: { ...digestAnd, offset: number, cause: Cause },
  CorruptLayer: { ...digestAnd, stage: Schema.Literals(["decompress", "untar"]), subject: blob },
  UnsafeEntry: { ...digestAnd, path: text, subject: blob },
  BodyGone: { path: text },
  LimitExceeded: { limit: text, maximum: number, unit: text, subject: text },
  FileSystemFailed: { operation: text, path: text, code: text },
  NotEnoughSpace: { path: text, needed: number, available: number },
  WorkerDied: digestAnd,
  NotCached: { platform: maybe(text), problem: maybe(text) },
  NotInImage: { path: text, missing: text },
  UnsuitablePath: { path: text, code: Schema.Literals(["ENOTDIR", "EISDIR", "ELOOP", "EINVAL"]), problem: text },
  UnsupportedEntry: { format: Schema.Literals(["erofs", "tar"]), path: text, problem: text },
  CatalogueFailed: { operation: text, problem: text, cause: Cause },
  StoreDamaged: { faults: number },
  UnsafeStore: { path: text, problem: text },
  CatalogueTooNew: { path: text, found: number, supported: number },
  ModuleMissing: { module: text, problem: text }
}

/** Computed from the rest. They travel for those who only show an error. */
const computed = { message: text, advice: text, isRetryable: boolean }

interface Computed {
  readonly message: string
  readonly advice: string
  readonly isRetryable: boolean
}

/** A reason in JSON. */
export type EncodedReason = Computed & { readonly _tag: errors.Reason["_tag"]; readonly [field: string]: unknown }
export type EncodedPullError = Computed & {
  readonly _tag: "PullError"
  readonly reference: string
  readonly reason: EncodedReason
}

const codecOf = ([tag, fields]: readonly [string, object]) => {
  const Class = errors.reasons[tag as errors.Reason["_tag"]] as unknown as new (fields: object) => errors.Reason
  const encoded = Schema.TaggedStruct(tag, { ...(fields as Schema.Struct.Fields), ...computed })
  return encoded.pipe(
    Schema.decodeTo(
      Schema.instanceOf(Class),
      transform<errors.Reason, object>({
        decode: (all) => {
          const { _tag, message, advice, isRetryable, ...given } = all as EncodedReason
          return new Class(given)
        },
        encode: (reason) => reason.toJSON() as object
      }) as never
    )
  )
}

export const Reason: Schema.Codec<errors.Reason, EncodedReason> = Schema.Union(
  Object.entries(fields).map(codecOf)
) as never

export const PullError: Schema.Codec<errors.PullError, EncodedPullError> = Schema.TaggedStruct("PullError", {
  reference: Schema.String,
  reason: Reason,
  ...computed
}).pipe(
  Schema.decodeTo(
    Schema.instanceOf(errors.PullError),
    transform({
      decode: ({ reference, reason }) => new errors.PullError({ reference, reason }),
      encode: (error) => ({
        _tag: "PullError" as const,
        reference: error.reference,
        reason: error.reason,
        message: error.message,
        advice: error.advice,
        isRetryable: error.isRetryable
      })
    })
  )
) as never
