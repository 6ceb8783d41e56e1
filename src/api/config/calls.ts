/** What each call takes. */
import type { Gate } from "../../reactive/Gate.ts"
import type { Emit } from "../events.ts"

/** `missing`: use the store if the image is complete there. `always`: ask the registry. `never`: use only the store. */
export type PullPolicy = "missing" | "always" | "never"

/** What a pull does if the disk has less free space than the image needs at least. */
export type Preflight = "warn" | "refuse" | "off"

/** `os/architecture[/variant]`. */
export const platformForm = /^(?<os>[\w.-]+)\/(?<architecture>[\w.-]+)(?:\/(?<variant>[\w.-]+))?$/

/** A part of an image's tree. */
export interface PartOptions {
  /**
   * Only these paths, and what is beneath them. Each is compared with the whole path of an entry, component by component:
   * it is not a pattern, and no symbolic link is followed. Default: all.
   */
  readonly only?: string | ReadonlyArray<string> | undefined
  /** Drop so many leading components of each path, and leave out what has no more. Default: 0. */
  readonly strip?: number | undefined
}

/** `only` and `strip` pull a part of the image. They need the layout `rootfs`, which makes a directory, or `erofs`, which makes a disk image. */
export interface PullOptions extends PartOptions {
  /**
   * Which image of an index is used. `os/architecture[/variant]`. Default: the host's, with `linux` on macOS and
   * Windows.
   */
  readonly platform?: string | undefined
  /** When to ask the registry: only if the image is not in the store, always, or never. Default: `missing`. */
  readonly policy?: PullPolicy | undefined
  /**
   * For an image from a file, the reference to store it under. Names within the file are never used. Default: where
   * the image came from.
   */
  readonly name?: string | undefined
  /** What `oci:-` and `docker-archive:-` read. Default: the standard input. */
  readonly input?: AsyncIterable<Uint8Array> | undefined
  /**
   * What to do if the disk has less free space than the image needs at least: emit the warning `LittleSpace`, fail
   * before anything is downloaded, or do not check. Default: `warn`.
   */
  readonly preflight?: Preflight | undefined
  /**
   * Download only those files of a layer that the store does not have, where the layer has a table of contents. This checks the table and each file, but not the layer's diffID. See docs/partial.md. Default: `false`.
   */
  readonly partial?: boolean | undefined
}

/** How to cancel a call, and how to receive its events. */
export interface Watching {
  /** Cancels the call, which fails with the signal's reason; an Effect is interrupted. Default: none. */
  readonly signal?: AbortSignal | undefined
  /** Called with each event. Default: none. */
  readonly onEvent?: Emit | undefined
}

/** With `only` and `strip`: the part that was pulled with them, in place of the whole image. */
export type HoldOptions = Pick<PullOptions, "platform" | "only" | "strip">

/** Options of `config`. */
export type ConfigOptions = Pick<PullOptions, "platform" | "policy" | "input">

/** Options of `readFile`. */
export interface ReadFileOptions extends ListDirectoryOptions {
  /** Return text in this encoding. Default: bytes. */
  readonly encoding?: BufferEncoding | undefined
}

/** Options of `list`. */
export interface ListDirectoryOptions extends ConfigOptions {
  /**
   * Read the table of contents of a layer that has one, and not the whole layer. This checks the table and the file that is read, but neither the layer's digest nor its diffID. See docs/partial.md. Default: `false`.
   */
  readonly partial?: boolean | undefined
}

/** Options of `tree$` and `tree`. */
export interface TreeOptions extends PartOptions, Pick<PullOptions, "platform" | "policy" | "input"> {}

/**
 * What `export$` makes. `tar`: the tree that a container of the image sees. `erofs`: the same as a read-only disk image.
 * `docker-archive`: what `docker load` reads. `oci-archive`: an OCI layout in a tar.
 */
export type ExportFormat = "tar" | "erofs" | "docker-archive" | "oci-archive"

/** Options of `export$` and `export`. `only` and `strip` are for the formats `tar` and `erofs`. */
export interface ExportOptions extends TreeOptions {
  /** Default: `tar`. */
  readonly format?: ExportFormat | undefined
}

/** Options of `bundle`. What is given here takes the place of what the image says. */
export interface BundleOptions extends Pick<PullOptions, "platform" | "policy" | "input"> {
  /**
   * A bundle that a user without rights starts: the container is in a user namespace, with this user's id alone, and owners are not
   * set. Default: `false` for root, else `true`.
   */
  readonly rootless?: boolean | undefined
  /** The program and its arguments. Default: the image's entrypoint and command. */
  readonly args?: ReadonlyArray<string> | undefined
  /** Environment variables, added to those of the image. Default: none. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** The working directory. Default: the image's, else `/`. */
  readonly cwd?: string | undefined
  /**
   * Who the process is: `user`, `uid`, `user:group` or `uid:gid`, looked up in the image's own files. Default: the image's, else
   * root.
   */
  readonly user?: string | undefined
  /** The container's host name. Default: `ociflow`. */
  readonly hostname?: string | undefined
  /** The process has a terminal, which who starts it must give it. Default: `false`. */
  readonly terminal?: boolean | undefined
  /** The container cannot write to its root file system. Default: `false`. */
  readonly readonly?: boolean | undefined
}

/** Options of `entries$`. Entries are read from the image's source, even if the store has the image. */
export interface EntriesOptions extends Pick<PullOptions, "platform" | "input"> {
  /**
   * While it is closed, no entries and no pieces of a body are emitted, and what is read ahead is bounded. For an
   * observer that continues to work after its `next` has returned: close the gate in `next`, and open it when the work is done.
   * Default: always open.
   */
  readonly gate?: Gate | undefined
}

/** Options of `blob$`. */
export interface BlobOptions extends Pick<PullOptions, "input"> {
  /**
   * While it is closed, no bytes are emitted, and what is read ahead is bounded. For an observer that continues to work
   * after its `next` has returned. Default: always open.
   */
  readonly gate?: Gate | undefined
}

/** Options of `artifact`. */
export interface ArtifactOptions extends Pick<PullOptions, "input"> {
  /** Only an artifact of this type; of an index, the one that has it. Default: any type. */
  readonly artifactType?: string | undefined
  /** Only files of these media types. Default: all types. */
  readonly accept?: ReadonlyArray<string> | undefined
  /** Which entry of an index is used, where it has one for each platform. Default: none is preferred. */
  readonly platform?: string | undefined
  /** Write the files into this directory. Default: none; they are read into memory. */
  readonly into?: string | undefined
  /**
   * Write the entries of archives in place of the archives: of every tar, or of none. Default: of those that ORAS has marked
   * for it.
   */
  readonly unpack?: boolean | undefined
}

/** Options of `resolve` and `tags`. */
export type LookOptions = Pick<PullOptions, "input">

export interface ManifestOptions extends LookOptions {
  /** Choose the manifest for this platform. Default: the index, if there is one. */
  readonly platform?: string | undefined
}

export interface ReferrersOptions extends LookOptions {
  /** Only artifacts of this type. Default: all types. */
  readonly artifactType?: string | undefined
}

/** Options of `images`: a page of the list by reference. */
export interface ListOptions {
  /** At most this many images. 1 or more. Default: all. */
  readonly limit?: number | undefined
  /**
   * Only images after this reference, the last one of the previous page; it need not be in the store. Default: the
   * first.
   */
  readonly after?: string | undefined
}

/** Options of `prune`. Images that were used within the last minute, or are used while `prune` selects, always stay. */
export interface PruneOptions {
  /** Report what would be removed, and remove nothing. Default: `false`. */
  readonly dryRun?: boolean | undefined
  /**
   * Also remove images that were not used for this long, and interrupted downloads that got no bytes for as long.
   * Milliseconds. Default: none are removed for their age.
   */
  readonly unusedFor?: number | undefined
  /**
   * Also remove the images that were unused longest, until the layers of all others take no more than this. Default:
   * no bound.
   */
  readonly keepBytes?: number | undefined
  /** Keep interrupted downloads that got bytes within this time. Milliseconds. Default: `unusedFor`, else 0. */
  readonly partialsFor?: number | undefined
}

export interface VerifyOptions {
  /** Pull again what is missing or was changed. Default: `false`. */
  readonly repair?: boolean | undefined
}
