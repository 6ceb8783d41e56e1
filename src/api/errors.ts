/**
 * Everything that can go wrong in a pull, as data.
 *
 * A pull fails with one `PullError`: the reference that was asked for and a `reason`. Each reason is a tagged class
 * that knows whether trying again may help (`isRetryable`), says what was wanted and what was found (`message`), and
 * says what a person can do about it (`advice`). No reason ever carries a credential, a token or a query string:
 * addresses are reduced to origin and path where the error is made.
 */
import { isError } from "./codeOf.ts"
import { printable } from "./printable.ts"
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

// ---------------------------------------------------------------------------------------------------------- reference

/** The text is no image reference. `problem` names the rule it breaks. */
export class InvalidReference extends taggedError("InvalidReference")<{
  readonly input: string
  readonly problem: string
}> {
  readonly isRetryable = false
  override get message() {
    return `invalid image reference ${JSON.stringify(printable(this.input))}: ${this.problem}`
  }
  get advice() {
    return "Write it as [registry[:port]/]repository[:tag][@algorithm:hex], all lower case before the tag."
  }
}

/** A feature that is known and not there. */
export class NotImplemented extends taggedError("NotImplemented")<{ readonly feature: string }> {
  readonly isRetryable = false
  override get message() {
    return `feature not yet implemented: ${this.feature}`
  }
  get advice() {
    return "Pull each image by its own reference instead."
  }
}

/** An option is unknown, or has a value that cannot be used. */
export class InvalidOption extends taggedError("InvalidOption")<{
  /** As it is written: `timeouts.idle`, `hosts["r.test"].mirrors[0].url`; `options` is all of them. */
  readonly option: string
  /** After the option's name: `must be true or false`. Never its value. */
  readonly problem: string
  /** Of an unknown option: those there are, and the one that was meant, perhaps. */
  readonly known?: ReadonlyArray<string>
  readonly suggestion?: string
}> {
  readonly isRetryable = false
  override get message() {
    const { option, problem, known, suggestion } = this
    if (known === undefined) return option === "options" ? `the options ${problem}` : `option \`${option}\` ${problem}`
    return `unknown option \`${option}\`${suggestion === undefined ? "" : `; did you mean \`${suggestion}\`?`}`
  }
  get advice() {
    if (this.known === undefined) return "Correct it; docs/configuration.md describes every option."
    return this.known.length === 0
      ? "Leave it out: this function has no options."
      : `There are: ${this.known.join(", ")}.`
  }
}

// ----------------------------------------------------------------------------------------------------------- registry

/** No answer: name not found, refused, reset, TLS failed, or one of the time limits ran out before a status came. */
export class RegistryUnreachable extends taggedError("RegistryUnreachable")<{
  readonly url: string
  readonly problem: string
  /** What can be done about it, where that is known. */
  readonly remedy?: string
  readonly cause?: unknown
}> {
  readonly isRetryable = true
  override get message() {
    return `no answer from ${this.url}: ${this.problem}`
  }
  get advice() {
    if (this.remedy !== undefined) return this.remedy
    const scheme = this.url.startsWith("http:")
      ? "this was plain HTTP: `plainHttp: false` is for a registry that speaks TLS."
      : "a registry that speaks plain HTTP needs `plainHttp`."
    return `Check the network, the registry's name and port, and proxy settings; ${scheme}`
  }
}

/** 401 or 403, after every way to authenticate that was available has been tried. */
export class AccessDenied extends taggedError("AccessDenied")<{
  readonly url: string
  readonly status: number
  readonly code?: string
  readonly detail?: string
  readonly authenticated: boolean
  /** The answer said how to authenticate. */
  readonly challenged?: boolean
  /** It comes from another host, to which the registry had sent us: its storage, perhaps. That is shown no credentials. */
  readonly redirected?: boolean
}> {
  readonly isRetryable = false
  override get message() {
    const why = [this.code, this.detail].filter(Boolean).join(": ")
    const asked = this.authenticated ? "to the given credentials" : "to an anonymous request"
    return `${this.url} answered ${this.status}${why === "" ? "" : ` (${why})`} ${this.redirected === true ? "where the registry sent us" : asked}`
  }
  get advice() {
    if (this.redirected === true)
      return "Pull again: the registry's link may have expired. Else its storage, or a proxy in between, refuses what the registry links to: logging in does not help."
    return this.authenticated
      ? "Check the user name and the password or token, and that they may pull this repository."
      : "Log in to this registry, or check that the repository exists: registries often hide private ones behind this answer."
  }
}

/** The function given as the option `credentials` failed. What it threw is the `cause`, and not in the message: it may be a secret. */
export class CredentialsUnavailable extends taggedError("CredentialsUnavailable")<{
  readonly registry: string
  readonly cause?: unknown
}> {
  readonly isRetryable = false
  override get message() {
    return `no credentials for ${printable(this.registry)}: the function given for them failed`
  }
  get advice() {
    return "See the cause, which is what it threw. It should return undefined if it has no credentials."
  }
}

const secondsOf = (millis: number) => Math.ceil(millis / 1000)
/** Where a host asks for a pause. */
const askingFor = (millis: number | undefined) =>
  millis === undefined ? "" : `; it asks to wait ${secondsOf(millis)} s`
const waitingItself = "A longer `retry.maxWait` has the pull wait itself."

/** 429, after the retries; `retryAfterMillis` is what the registry asked for. */
export class RateLimited extends taggedError("RateLimited")<{
  readonly url: string
  readonly retryAfterMillis?: number
  readonly detail?: string
}> {
  readonly isRetryable = true
  override get message() {
    const said = this.detail === undefined ? "" : ` (${this.detail})`
    return `${this.url} answered 429, too many requests${said}${askingFor(this.retryAfterMillis)}`
  }
  get advice() {
    return this.retryAfterMillis === undefined
      ? "Wait, log in for a higher limit, or pull through a mirror."
      : `Wait ${secondsOf(this.retryAfterMillis)} s, log in for a higher limit, or pull through a mirror. ${waitingItself}`
  }
}

/** The registry knows no such manifest. */
export class ManifestNotFound extends taggedError("ManifestNotFound")<{
  readonly url: string
  readonly code?: string
  readonly detail?: string
}> {
  readonly isRetryable = false
  override get message() {
    const why = [this.code, this.detail].filter(Boolean).join(": ")
    return `manifest not found: ${this.url}${why === "" ? "" : ` (${why})`}`
  }
  get advice() {
    return "Check the repository and the tag or digest; a private repository may need credentials."
  }
}

/** The registry named a blob in a manifest and does not have it. */
export class BlobNotFound extends taggedError("BlobNotFound")<{ readonly url: string; readonly digest: string }> {
  readonly isRetryable = false
  override get message() {
    return `blob not found: ${this.digest} at ${this.url}`
  }
  get advice() {
    return "The registry is missing a part of this image: push it again, or pull from another registry."
  }
}

/** Any other status that is not what the protocol asks for. 408 and 5xx may be retried; 501 is for good. */
export class RegistryError extends taggedError("RegistryError")<{
  readonly url: string
  readonly status: number
  readonly code?: string
  readonly detail?: string
  readonly retryAfterMillis?: number
}> {
  get isRetryable() {
    return this.status === 408 || (this.status >= 500 && this.status !== 501)
  }
  override get message() {
    const why = [this.code, this.detail].filter(Boolean).join(": ")
    return `${this.url} answered ${this.status}${why === "" ? "" : ` (${why})`}${askingFor(this.retryAfterMillis)}`
  }
  get advice() {
    if (this.retryAfterMillis !== undefined)
      return `Try again in ${secondsOf(this.retryAfterMillis)} s, or pull through a mirror. ${waitingItself}`
    return this.status >= 500
      ? "The registry has a problem: try again later."
      : "The registry refused the request; its answer is above."
  }
}

/** The answer is not what its status and type promise: broken JSON, a header that makes no sense, a body too large. */
export class InvalidResponse extends taggedError("InvalidResponse")<{
  readonly url: string
  readonly problem: string
  /** It is an HTML page: the front of a web site, a login. */
  readonly isPage?: boolean
}> {
  readonly isRetryable = false
  override get message() {
    return `invalid answer from ${this.url}: ${this.problem}`
  }
  get advice() {
    return this.problem.includes("HTML page")
      ? "This is a web page: check that this is the address of a registry, and whether a proxy in between requires a login."
      : "Check that this is the address of a registry, and that no proxy or cache in between changes its answers."
  }
}

/** A redirect, realm or foreign address that a registry may not send us to. `option` permits it, where one does. */
export class AddressRefused extends taggedError("AddressRefused")<{
  readonly from: string
  readonly to: string
  readonly problem: string
  readonly option?: "trustedHosts" | "plainHttp"
  /** The registry that the option would be given for. */
  readonly registry?: string
}> {
  readonly isRetryable = false
  override get message() {
    return `${this.from} points to ${this.to}, which is refused: ${this.problem}`
  }
  get advice() {
    const { option, registry = "" } = this
    if (option === "plainHttp")
      return `If plain HTTP is intended, allow it: \`hosts[${JSON.stringify(registry)}].plainHttp\`.`
    const host = URL.canParse(this.to) ? new URL(this.to).host : ""
    return option === "trustedHosts"
      ? `If you trust ${host}, add it to \`hosts[${JSON.stringify(registry)}].trustedHosts\`.`
      : "No option allows this: the registry has to use another address."
  }
}

/** A file or directory that an image is to come from is none that can be used: not there, broken, or not of this kind. */
export class InvalidSource extends taggedError("InvalidSource")<{
  readonly source: string
  readonly problem: string
}> {
  readonly isRetryable = false
  override get message() {
    return `cannot pull from ${printable(this.source)}: ${printable(this.problem, 1000)}`
  }
  get advice() {
    return "Check the path. oci: takes an OCI layout, a directory or a tar; docker-archive: what docker save writes."
  }
}

/** The pull, or the look, took longer than `timeouts.total`. Milliseconds. */
export class DeadlineExceeded extends taggedError("DeadlineExceeded")<{ readonly millis: number }> {
  readonly isRetryable = true
  override get message() {
    return `not finished within ${this.millis} ms (timeouts.total)`
  }
  get advice() {
    return "Pull again: complete layers are kept and downloads continue where they stopped. Or raise `timeouts.total`."
  }
}

/** The index offers no manifest that this platform can run. */
export class PlatformNotFound extends taggedError("PlatformNotFound")<{
  readonly wanted: string
  readonly offered: ReadonlyArray<string>
}> {
  readonly isRetryable = false
  override get message() {
    return `no manifest for ${this.wanted}; offered: ${this.offered.length === 0 ? "none" : this.offered.join(", ")}`
  }
  get advice() {
    return "Choose one of the offered platforms with `platform`."
  }
}

/** A document or layer of a type that is not pulled: schema 1, an artifact, an unknown compression. */
export class UnsupportedMediaType extends taggedError("UnsupportedMediaType")<{
  readonly mediaType: string
  readonly subject: string
}> {
  readonly isRetryable = false
  override get message() {
    return `${this.subject} has the media type ${printable(this.mediaType)}, which is not supported`
  }
  get advice() {
    return "Push the image again with a current tool (OCI or Docker schema 2)."
  }
}

/** A digest by an algorithm that is not registered, so nothing can prove the bytes. */
export class UnsupportedDigest extends taggedError("UnsupportedDigest")<{ readonly digest: string }> {
  readonly isRetryable = false
  override get message() {
    return `unsupported image hash algorithm: ${printable(this.digest)}`
  }
  get advice() {
    return "sha256, sha384 and sha512 are supported."
  }
}

/**
 * Bytes that are not what their name says. `subject` is `manifest`, `config`, `blob` or `diffID`. A wrong diffID is told
 * of bytes whose own digest was right: then the image is wrong, not who sent it.
 */
export class DigestMismatch extends taggedError("DigestMismatch")<{
  readonly subject: string
  readonly expected: string
  readonly actual: string
}> {
  readonly isRetryable = false
  override get message() {
    if (this.subject === "diffID")
      return `the image's config names diffID ${this.expected} for a layer whose archive has ${this.actual}`
    return `${this.subject} hash ${this.actual} does not match expected hash ${this.expected}`
  }
  get advice() {
    return this.subject === "diffID"
      ? "The image was built or pushed wrongly: the layer is the one that its manifest names. Nothing was published. Build and push it again."
      : "The registry, or a proxy in between, sent wrong bytes. Nothing was published. Try another registry or mirror."
  }
}

/** More or fewer bytes than the descriptor says. Unit: bytes. */
export class SizeMismatch extends taggedError("SizeMismatch")<{
  readonly subject: string
  readonly expected: number
  readonly actual: number
}> {
  readonly isRetryable = false
  override get message() {
    return this.actual > this.expected
      ? `${this.subject} has more than the ${this.expected} bytes that its descriptor says`
      : `${this.subject} has ${this.actual} bytes, fewer than the ${this.expected} that its descriptor says`
  }
  get advice() {
    return "The registry, or a proxy in between, sent wrong bytes. Nothing was published. Try another registry or mirror."
  }
}

/** A manifest that contradicts itself: layer count against diff ids, index against manifest, nesting without end. */
export class InvalidManifest extends taggedError("InvalidManifest")<{
  readonly digest: string
  readonly problem: string
}> {
  readonly isRetryable = false
  override get message() {
    return `${this.digest} is not a valid image: ${this.problem}`
  }
  get advice() {
    return "Push the image again with a current tool."
  }
}

/** A body that ended early, stalled, was too slow or broke; `offset` bytes of the blob had arrived. */
export class BlobInterrupted extends taggedError("BlobInterrupted")<{
  readonly digest: string
  readonly offset: number
  readonly problem: string
  readonly cause?: unknown
}> {
  readonly isRetryable = true
  override get message() {
    return `download of ${this.digest} was interrupted after ${this.offset} bytes: ${this.problem}`
  }
  get advice() {
    return "Pull again: it continues where it stopped."
  }
}

// -------------------------------------------------------------------------------------------------------------- layer

/** The bytes are proven but are no layer: broken compression or a broken archive. */
export class CorruptLayer extends taggedError("CorruptLayer")<{
  readonly digest: string
  readonly stage: "decompress" | "untar"
  readonly problem: string
}> {
  readonly isRetryable = false
  override get message() {
    return `layer ${this.digest} is corrupt (${this.stage}): ${this.problem}`
  }
  get advice() {
    return "The image was built or pushed wrongly. Nothing of this layer was published."
  }
}

/** An entry that no honest archive has: it would leave the layer's root, or it lies about itself. */
export class UnsafeEntry extends taggedError("UnsafeEntry")<{
  readonly digest: string
  readonly path: string
  readonly problem: string
}> {
  readonly isRetryable = false
  override get message() {
    return `layer ${this.digest}, entry ${JSON.stringify(printable(this.path))}: ${this.problem}`
  }
  get advice() {
    return "Do not use this image unless you know why it was made this way. Nothing of this layer was published."
  }
}

/** The body of an entry was asked for when the next entry had come, or a second time. Nothing is wrong with the image. */
export class BodyUnusable extends taggedError("BodyUnusable")<{ readonly path: string }> {
  readonly isRetryable = false
  override get message() {
    return `the body of ${JSON.stringify(printable(this.path))} is gone: it is read once, while its entry is the latest`
  }
  get advice() {
    return "Read each body when its entry comes, before the next one is asked for."
  }
}

/** A limit of the configuration was passed. */
export class LimitExceeded extends taggedError("LimitExceeded")<{
  readonly limit: string
  readonly maximum: number
  readonly unit: string
  readonly subject: string
}> {
  readonly isRetryable = false
  override get message() {
    return `${this.subject}: more than ${this.maximum} ${this.unit} (limit ${this.limit})`
  }
  get advice() {
    return `If you trust the image, raise \`limits.${this.limit}\`.`
  }
}

/** The file system refused: `code` is the system's own (ENOSPC, EACCES, EMFILE, EROFS, EIO, …). */
export class FileSystemFailed extends taggedError("FileSystemFailed")<{
  readonly operation: string
  readonly path: string
  readonly code: string
}> {
  readonly isRetryable = false
  override get message() {
    return `${this.operation} ${printable(this.path)}: ${this.code}`
  }
  get advice() {
    switch (this.code) {
      case "ENOSPC":
      case "EDQUOT":
        return "The disk is full: free some space (`prune`), or choose another `root`; the pull continues where it stopped."
      case "EMFILE":
      case "ENFILE":
        return "Too many open files: raise the limit (ulimit -n), or lower `concurrency`."
      case "EROFS":
        return "The file system is read-only: choose another `root`."
      case "EACCES":
      case "EPERM":
        return "Not permitted: check who owns the directory, or choose another `root`."
      case "EIO":
        return "The disk reports an error: check it before anything else."
      case "ETIMEDOUT":
        return "Waiting took too long. Look for a stopped process that has the file open (`fuser`, `lsof`); continue or end it."
      default:
        return "Check the directory and its file system, or choose another `root`."
    }
  }
}

/** The preflight found less free space than the image needs at least. Bytes. */
export class NotEnoughSpace extends taggedError("NotEnoughSpace")<{
  readonly path: string
  /** For what is still to be fetched. */
  readonly needed: number
  readonly available: number
}> {
  readonly isRetryable = false
  override get message() {
    return `${printable(this.path)} has ${this.available} bytes free; the image needs ${this.needed} or more`
  }
  get advice() {
    return "Free some space (`prune`), choose another `root`, or turn off the `preflight`."
  }
}

/** The worker that extracted this layer ended by itself (out of memory, a killed thread). */
export class WorkerDied extends taggedError("WorkerDied")<{ readonly digest: string; readonly problem: string }> {
  readonly isRetryable = false
  override get message() {
    return `the extraction worker for ${this.digest} died: ${this.problem}`
  }
  get advice() {
    return "Pull again; if it dies again, lower `concurrency` and report it with the image's name."
  }
}

// -------------------------------------------------------------------------------------------------------------- store

/** Policy `never`, `inspect` or `rm`, and the store does not hold the image, or not all of it. */
export class NotCached extends taggedError("NotCached")<{ readonly platform: string; readonly problem: string }> {
  readonly isRetryable = false
  override get message() {
    return `not in the store for ${this.platform}: ${this.problem}`
  }
  get advice() {
    return "`images` lists what the store holds; a pull with the `policy` missing or always fetches the rest."
  }
}

/** The catalogue cannot be read or written. */
export class CatalogueFailed extends taggedError("CatalogueFailed")<{
  readonly operation: string
  readonly problem: string
  readonly cause?: unknown
}> {
  readonly isRetryable = false
  override get message() {
    return `database error: ${this.operation}: ${this.problem}`
  }
  get advice() {
    return "Check oci.db in the store's root: its permissions, the free space, and `sqlite3 oci.db 'PRAGMA integrity_check'`."
  }
}

/** `verify` found what is not as the catalogue says. */
export class StoreDamaged extends taggedError("StoreDamaged")<{ readonly faults: number }> {
  readonly isRetryable = false
  override get message() {
    return `${this.faults} ${this.faults === 1 ? "thing is" : "things are"} not as the catalogue says`
  }
  get advice() {
    return "`verify` with `repair` pulls again what is missing or was changed."
  }
}

/** Other users may do more with a directory of the store than they should; nothing in it was touched. */
export class UnsafeStore extends taggedError("UnsafeStore")<{ readonly path: string; readonly problem: string }> {
  readonly isRetryable = false
  override get message() {
    return `${this.path} ${this.problem}`
  }
  get advice() {
    return "Choose another `root`, or make the directory private (chmod 700). If this is intended, set `access`."
  }
}

/** The catalogue was written by a newer ociflow. */
export class CatalogueTooNew extends taggedError("CatalogueTooNew")<{
  readonly path: string
  readonly found: number
  readonly supported: number
}> {
  readonly isRetryable = false
  override get message() {
    return `${this.path} has schema version ${this.found}; this ociflow knows up to ${this.supported}`
  }
  get advice() {
    return "Update ociflow, or choose another `root`."
  }
}

/** A part of ociflow, or of what it depends on, is not there: it was not installed, or a bundler left it out. */
export class ModuleMissing extends taggedError("ModuleMissing")<{ readonly module: string; readonly problem: string }> {
  readonly isRetryable = false
  override get message() {
    return `${this.module} cannot be loaded: ${printable(this.problem)}`
  }
  get advice() {
    return "Install the package and its dependencies again; a program that is bundled leaves them outside of its bundle."
  }
}

// --------------------------------------------------------------------------------------------------------------- pull

/** Every reason by its tag; also how a reason that crossed a thread is made anew. */
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
  UnsupportedMediaType,
  UnsupportedDigest,
  DigestMismatch,
  SizeMismatch,
  InvalidManifest,
  BlobInterrupted,
  CorruptLayer,
  UnsafeEntry,
  BodyUnusable,
  LimitExceeded,
  FileSystemFailed,
  NotEnoughSpace,
  WorkerDied,
  NotCached,
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
 * A pull failed; `Effect.catchReason("PullError", "AccessDenied", …)` picks one reason out. Its stack is that of the call
 * that failed. JSON, a logger and `console.error` show its message and its advice.
 */
export class PullError extends taggedError("PullError")<{
  readonly reference: string
  readonly reason: Reason
}> {
  constructor(fields: { readonly reference: string; readonly reason: Reason }) {
    super(fields)
    calledAt(this, this)
  }
  get isRetryable() {
    return this.reason.isRetryable
  }
  override get message() {
    return `${this.reference}: ${this.reason.message}`
  }
  get advice() {
    return this.reason.advice
  }
}
