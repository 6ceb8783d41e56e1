/** What an image's documents say, and whether its bytes are the ones that they name. */
import { counted } from "../counted.ts"
import { printable } from "../printable.ts"
import { taggedError } from "../taggedError.ts"

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
  /** The digest of the manifest. */
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
      ? `${this.subject} has more than the ${counted(this.expected, "byte")} given in its descriptor`
      : `${this.subject} has ${counted(this.actual, "byte")}, fewer than the ${this.expected} given in its descriptor`
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
    return `${this.digest} is not valid: ${this.problem}`
  }
  get advice() {
    return "Push it again with a current tool."
  }
}

/** The image has no such user or group: its `/etc/passwd` and `/etc/group` decide, never those of this machine. */
export class UnknownUser extends taggedError("UnknownUser")<{
  /** The user as the image's config or the option names it. */
  readonly user: string
  readonly problem: string
}> {
  readonly isRetryable = false
  override get message() {
    return `the image has no user ${JSON.stringify(printable(this.user, 100))}: ${printable(this.problem)}`
  }
  get advice() {
    return "Name another `user`; numbers, as in 1000:1000, need no names."
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
    return `If you trust what was pushed there, raise \`limits.${this.limit}\`.`
  }
}
