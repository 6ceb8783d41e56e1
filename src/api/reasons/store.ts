/** The store, its catalogue and its disk. */
import { counted } from "../counted.ts"
import { printable } from "../printable.ts"
import { taggedError } from "../taggedError.ts"

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
    return `${printable(this.path)} has ${counted(this.available, "byte")} free; the image needs at least ${this.needed}`
  }
  get advice() {
    return "Free some space (`prune`), choose another `root`, or turn off the `preflight`."
  }
}

/** The store does not have the image, or not all of it, and the call (policy `never`, `inspect`, `rm`) does not download. */
export class NotCached extends taggedError("NotCached")<{
  /** Absent if the call is not about one platform. */
  readonly platform?: string
  /** What of the image is missing. Absent if the store has nothing of it. */
  readonly problem?: string
}> {
  readonly isRetryable = false
  override get message() {
    const { platform, problem } = this
    if (problem === undefined) return "not in the store"
    return `not in the store${platform === undefined ? "" : ` for ${platform}`}: ${problem}`
  }
  get advice() {
    return this.problem === undefined
      ? "A pull stores it. `images` lists what is stored."
      : "Use the `policy` missing or always, which downloads what is missing."
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
    return `${counted(this.faults, "difference")} from the catalogue`
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
