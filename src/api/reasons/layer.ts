/** What is in a layer's archive, or in the tree of all layers. Files of artifacts and their archives have the same errors. */
import { printable } from "../printable.ts"
import { taggedError } from "../taggedError.ts"

/** A layer of an image, or a file of an artifact. */
type Subject = "layer" | "file"

/** The bytes have the right digest, but the compression or the archive is broken. */
export class CorruptLayer extends taggedError("CorruptLayer")<{
  readonly digest: string
  readonly stage: "decompress" | "untar"
  readonly problem: string
  /** What the digest is of. Default: `layer`. */
  readonly subject?: Subject
}> {
  readonly isRetryable = false
  override get message() {
    return `${this.subject ?? "layer"} ${this.digest} is corrupt (${this.stage}): ${this.problem}`
  }
  get advice() {
    return this.subject === "file"
      ? "The artifact was made or pushed wrongly. Nothing of it was published."
      : "The image was built or pushed wrongly. Nothing of this layer was published."
  }
}

/** An entry that would be written outside the layer's root, or that contradicts itself. */
export class UnsafeEntry extends taggedError("UnsafeEntry")<{
  readonly digest: string
  /** The path of the entry, or of the file if the name that an artifact gives it is unsafe. */
  readonly path: string
  readonly problem: string
  /** What the digest is of. Default: `layer`. */
  readonly subject?: Subject
}> {
  readonly isRetryable = false
  override get message() {
    const path = JSON.stringify(printable(this.path))
    return this.subject === "file"
      ? `file ${this.digest}, path ${path}: ${this.problem}`
      : `layer ${this.digest}, entry ${path}: ${this.problem}`
  }
  get advice() {
    return this.subject === "file"
      ? "Do not use this artifact unless you know why it was made this way. Nothing of it was published."
      : "Do not use this image unless you know why it was made this way. Nothing of this layer was published."
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

/** The worker that extracted this layer ended unexpectedly, for example because it ran out of memory. */
export class WorkerDied extends taggedError("WorkerDied")<{ readonly digest: string; readonly problem: string }> {
  readonly isRetryable = false
  override get message() {
    return `the extraction worker for ${this.digest} died: ${this.problem}`
  }
  get advice() {
    return "Pull again; if it dies again, lower `concurrency` and report it with the name of what you pulled."
  }
}

/** There is no such path in the image. */
export class NotInImage extends taggedError("NotInImage")<{
  /** The path as given to the call. */
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
  /** The path as given to the call. */
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

/** An entry that a disk image cannot hold: its format has no room for it. */
export class UnsupportedEntry extends taggedError("UnsupportedEntry")<{
  readonly format: "erofs" | "tar"
  readonly path: string
  readonly problem: string
}> {
  readonly isRetryable = false
  override get message() {
    return `${JSON.stringify(printable(this.path, 300))} does not fit into ${this.format === "tar" ? "a tar" : "an EROFS image"}: ${this.problem}`
  }
  get advice() {
    return "Export the image in another `format`: a docker-archive has the layers as they are."
  }
}
