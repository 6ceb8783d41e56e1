/**
 * Everything that can go wrong in a pull, as data.
 *
 * A pull fails with one `PullError`, which has the reference and a `reason`. Each reason is a tagged class: `isRetryable`
 * tells whether trying again may help, `message` what was wanted and what was found, `advice` what to do about it. No
 * reason contains a credential, a token or a query string: addresses are reduced to origin and path.
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

/** The text is not an image reference. `problem` names the rule it breaks. */
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

/** A feature that ociflow knows of but does not have. */
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
  /** The option's path, such as `timeouts.idle` or `hosts["r.test"].mirrors[0].url`; `options` stands for the whole object. */
  readonly option: string
  /** What is said after the option's name, such as `must be true or false`. Never the value. */
  readonly problem: string
  /** For an unknown option: the known ones, and the one that was probably meant. */
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
      : `Known options: ${this.known.join(", ")}.`
  }
}

// ----------------------------------------------------------------------------------------------------------- registry

/** The registry gave no answer: its name was not found, the connection was refused or reset, TLS failed, or a time limit passed. */
export class RegistryUnreachable extends taggedError("RegistryUnreachable")<{
  readonly url: string
  readonly problem: string
  /** What to do about it, if known. */
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

/** The answer was 401 or 403, after every available way to authenticate had been tried. */
export class AccessDenied extends taggedError("AccessDenied")<{
  readonly url: string
  readonly status: number
  readonly code?: string
  readonly detail?: string
  readonly authenticated: boolean
  /** True if the answer said how to authenticate. */
  readonly challenged?: boolean
  /** True if another host answered, to which the registry had redirected the request, such as its storage. It gets no credentials. */
  readonly redirected?: boolean
}> {
  readonly isRetryable = false
  override get message() {
    const why = [this.code, this.detail].filter(Boolean).join(": ")
    const asked = this.authenticated ? "to the given credentials" : "to an anonymous request"
    return `${this.url} answered ${this.status}${why === "" ? "" : ` (${why})`} ${this.redirected === true ? "to a redirect from the registry" : asked}`
  }
  get advice() {
    if (this.redirected === true)
      return "Pull again: the registry's link may have expired. If it fails again, the registry's storage or a proxy refuses the link; logging in does not help."
    return this.authenticated
      ? "Check the user name and the password or token, and that they may pull this repository."
      : "Log in to this registry, or check that the repository exists: registries often hide private ones behind this answer."
  }
}

/** The function given as the option `credentials` failed. What it threw is the `cause`. The message does not repeat it, since it may contain a secret. */
export class CredentialsUnavailable extends taggedError("CredentialsUnavailable")<{
  readonly registry: string
  readonly cause?: unknown
}> {
  readonly isRetryable = false
  override get message() {
    return `no credentials for ${printable(this.registry)}: the function given for them failed`
  }
  get advice() {
    return "See the cause, which is what the function threw. If it has no credentials for a registry, it should return undefined."
  }
}

const secondsOf = (millis: number) => Math.ceil(millis / 1000)
/** The end of a message, if the host asked for a pause. */
const askingFor = (millis: number | undefined) =>
  millis === undefined ? "" : `; it asks to wait ${secondsOf(millis)} s`
const waitingItself = "With a longer `retry.maxWait`, the pull waits by itself."

/** The answer was still 429 after all retries. `retryAfterMillis` is the pause that the registry asked for. */
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

/** The registry does not have this manifest. */
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

/** A manifest names this blob, but the registry does not have it. */
export class BlobNotFound extends taggedError("BlobNotFound")<{ readonly url: string; readonly digest: string }> {
  readonly isRetryable = false
  override get message() {
    return `blob not found: ${this.digest} at ${this.url}`
  }
  get advice() {
    return "Part of this image is missing from the registry: push the image again, or pull it from another registry."
  }
}

/** Any other status that the protocol does not allow here. 408 and 5xx may be retried, except 501. */
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

/** The answer does not fit its status and type: broken JSON, an invalid header, a body that is too large. */
export class InvalidResponse extends taggedError("InvalidResponse")<{
  readonly url: string
  readonly problem: string
  /** True if the answer is an HTML page, such as a login form. */
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

/** A redirect, token realm or foreign layer URL to an address that is not allowed. `option` is the option that would allow it, if there is one. */
export class AddressRefused extends taggedError("AddressRefused")<{
  readonly from: string
  readonly to: string
  readonly problem: string
  readonly option?: "trustedHosts" | "plainHttp"
  /** The registry whose settings the option belongs to. */
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

/** A file or directory cannot be used as the source of an image: it is missing, broken, or of another kind. */
export class InvalidSource extends taggedError("InvalidSource")<{
  readonly source: string
  readonly problem: string
}> {
  readonly isRetryable = false
  override get message() {
    return `cannot pull from ${printable(this.source)}: ${printable(this.problem, 1000)}`
  }
  get advice() {
    return "Check the path. oci: takes an OCI layout (a directory or a tar file), docker-archive: a file written by docker save."
  }
}

/** The call took longer than `timeouts.total`. Milliseconds. */
export class DeadlineExceeded extends taggedError("DeadlineExceeded")<{ readonly millis: number }> {
  readonly isRetryable = true
  override get message() {
    return `not finished within ${this.millis} ms (timeouts.total)`
  }
  get advice() {
    return "Pull again: complete layers are kept and downloads continue where they stopped. Or raise `timeouts.total`."
  }
}

/** The index has no manifest for a platform that the wanted one can run. */
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

/** An artifact was pulled: a chart, an SBOM, a signature, files. Its manifest is valid, and has no root file system. */
export class NotAnImage extends taggedError("NotAnImage")<{
  /** Of the manifest. */
  readonly digest: string
  readonly artifactType: string
}> {
  readonly isRetryable = false
  override get message() {
    return `${this.digest} is an artifact of type ${printable(this.artifactType)}, not an image`
  }
  get advice() {
    return "Use `artifact`, which downloads its files."
  }
}

/** The artifact, or no file of it, is of the type that was asked for; or of several artifacts it is open which is meant. */
export class ArtifactMismatch extends taggedError("ArtifactMismatch")<{
  readonly digest: string
  readonly wanted: string
  /** Types that there are. */
  readonly found: ReadonlyArray<string>
}> {
  readonly isRetryable = false
  override get message() {
    const found = this.found.map((type) => printable(type, 100)).join(", ")
    return `${this.digest} does not have ${printable(this.wanted)}; it has ${found === "" ? "nothing" : found}`
  }
  get advice() {
    return "Choose one of the types that it has with `artifactType` or `accept`, or name the artifact by its digest."
  }
}

/** A document or layer has a type that cannot be pulled: schema 1, an unknown compression. */
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

/** A digest whose algorithm is not supported, so the bytes cannot be verified. */
export class UnsupportedDigest extends taggedError("UnsupportedDigest")<{ readonly digest: string }> {
  readonly isRetryable = false
  override get message() {
    return `unsupported image hash algorithm: ${printable(this.digest)}`
  }
  get advice() {
    return "Use an image whose digests are sha256, sha384 or sha512."
  }
}

/**
 * The bytes do not have the expected digest. `subject` is `manifest`, `config`, `blob` or `diffID`. A diffID is compared
 * only after the blob's own digest was right, so if it differs, the image is wrong, not its sender.
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
      ? "The layer is the one in the manifest, so the image was built or pushed wrongly. Nothing was published. Build and push it again."
      : "The registry, or a proxy in between, sent wrong bytes. Nothing was published. Try another registry or mirror."
  }
}

/** The content has more or fewer bytes than its descriptor says. */
export class SizeMismatch extends taggedError("SizeMismatch")<{
  readonly subject: string
  readonly expected: number
  readonly actual: number
}> {
  readonly isRetryable = false
  override get message() {
    return this.actual > this.expected
      ? `${this.subject} has more than the ${this.expected} bytes given in its descriptor`
      : `${this.subject} has ${this.actual} bytes, fewer than the ${this.expected} given in its descriptor`
  }
  get advice() {
    return "The registry, or a proxy in between, sent wrong bytes. Nothing was published. Try another registry or mirror."
  }
}

/** The manifest contradicts itself or its config: numbers of layers and diffIDs that differ, nested indexes that never end. */
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

/** A download ended early, stalled, was too slow or broke; `offset` bytes of the blob had arrived. */
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

/** The bytes have the right digest, but the compression or the archive is broken. */
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

/** An entry that would be written outside the layer's root, or that contradicts itself. */
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

/** An entry's body was read after the next entry had come, or a second time. The image is not at fault. */
export class BodyGone extends taggedError("BodyGone")<{ readonly path: string }> {
  readonly isRetryable = false
  override get message() {
    return `the body of ${JSON.stringify(printable(this.path))} cannot be read any more: a body can be read once, before the next entry is requested`
  }
  get advice() {
    return "Read each body before you request the next entry."
  }
}

/** A configured limit was exceeded. */
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

/** A file system call failed. `code` is the system's own (ENOSPC, EACCES, EMFILE, EROFS, EIO, …). */
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
        return "The disk reported an error: check the disk."
      case "ETIMEDOUT":
        return "The file stayed locked for too long. Find the process that has it open (`fuser`, `lsof`), then resume or end it."
      default:
        return "Check the directory and its file system, or choose another `root`."
    }
  }
}

/** There is less free space than the image needs. Bytes. */
export class NotEnoughSpace extends taggedError("NotEnoughSpace")<{
  readonly path: string
  /** Bytes needed at least for what has not been downloaded yet. */
  readonly needed: number
  readonly available: number
}> {
  readonly isRetryable = false
  override get message() {
    return `${printable(this.path)} has ${this.available} bytes free; the image needs at least ${this.needed}`
  }
  get advice() {
    return "Free some space (`prune`), choose another `root`, or turn off the `preflight`."
  }
}

/** The worker that extracted this layer ended unexpectedly, for example because it ran out of memory. */
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

/** The store does not have the image, or not all of it, and the call (policy `never`, `inspect`, `rm`) does not download. */
export class NotCached extends taggedError("NotCached")<{ readonly platform: string; readonly problem: string }> {
  readonly isRetryable = false
  override get message() {
    return `not in the store for ${this.platform}: ${this.problem}`
  }
  get advice() {
    return "`images` lists the stored images. A pull with the `policy` missing or always downloads the rest."
  }
}

/** There is no such path in the image. */
export class NotInImage extends taggedError("NotInImage")<{
  /** As given to the call. */
  readonly path: string
  /** The first component that is missing, with all before it, once symbolic links are followed. */
  readonly missing: string
}> {
  readonly isRetryable = false
  override get message() {
    return `no ${JSON.stringify(printable(this.path))} in the image: ${JSON.stringify(printable(this.missing))} does not exist`
  }
  get advice() {
    return "`list` lists a directory of the image. A file may be there for another platform, or under another tag."
  }
}

/** The path is in the image, but is not of the kind that the call needs: `ENOTDIR`, `EISDIR`, `ELOOP`, or `EINVAL` for a device or a FIFO. */
export class UnsuitablePath extends taggedError("UnsuitablePath")<{
  /** As given to the call. */
  readonly path: string
  /** The error that a system call would give. */
  readonly code: "ENOTDIR" | "EISDIR" | "ELOOP" | "EINVAL"
  readonly problem: string
}> {
  readonly isRetryable = false
  override get message() {
    return `${JSON.stringify(printable(this.path))} of the image: ${this.problem}`
  }
  get advice() {
    return "`readFile` reads files, `list` lists directories."
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

/** `verify` found differences between the store and its catalogue. */
export class StoreDamaged extends taggedError("StoreDamaged")<{ readonly faults: number }> {
  readonly isRetryable = false
  override get message() {
    return `${this.faults} ${this.faults === 1 ? "difference" : "differences"} from the catalogue`
  }
  get advice() {
    return "`verify` with `repair` pulls again what is missing or was changed."
  }
}

/** Other users have too many rights to a directory of the store. Nothing in it was changed. */
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
    return `${this.path} has schema version ${this.found}; this version of ociflow supports up to ${this.supported}`
  }
  get advice() {
    return "Update ociflow, or choose another `root`."
  }
}

/** A module of ociflow or of a dependency is missing: it was not installed, or a bundler left it out. */
export class ModuleMissing extends taggedError("ModuleMissing")<{ readonly module: string; readonly problem: string }> {
  readonly isRetryable = false
  override get message() {
    return `${this.module} cannot be loaded: ${printable(this.problem)}`
  }
  get advice() {
    return "Install the package and its dependencies again. If the program is bundled, keep them outside of the bundle."
  }
}

// --------------------------------------------------------------------------------------------------------------- pull

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
