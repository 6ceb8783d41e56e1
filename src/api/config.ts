/** Every option, its unit and its default. What can be set per pull is in `PullOptions`, the rest in `PullerOptions`. */
import type { Effect } from "effect/Effect"
import type { Redacted } from "effect/Redacted"
import type { LayoutName } from "../layer/layout/layouts.ts"
import type { OverlayAttributes } from "../layer/layout/overlay.ts"
import type { Gate } from "../reactive/Gate.ts"
import type { Emit } from "./events.ts"
import type { SignatureOptions } from "./signatures.ts"

/** Bounds on what an image may demand. An image that exceeds one fails with `LimitExceeded`, which names it. */
export interface Limits {
  /** Bytes of a manifest, index or config. Default: 4 MiB. */
  readonly documentBytes: number
  /** Layers of an image; a layer that is listed twice counts twice. Default: 500. */
  readonly layers: number
  /**
   * Decompressed bytes per compressed byte of a layer, checked from 16 MiB of output on; DEFLATE cannot exceed 1032.
   * Default: 2 000.
   */
  readonly inflateRatio: number
  /** Bytes of a layer's blob, as the manifest states them. Default: 512 GiB. */
  readonly blobBytes: number
  /** Bytes of an uncompressed layer. Default: 512 GiB. */
  readonly layerBytes: number
  /** Bytes of one file, including holes. Default: 256 GiB. */
  readonly fileBytes: number
  /** Entries of a layer, including directories that are only implied by paths. Default: 10 000 000. */
  readonly entries: number
  /** Components of a path, including empty ones. Default: 256. */
  readonly depth: number
  /** Bytes of a path. Default: 4 096. */
  readonly pathBytes: number
  /** Bytes of a link's target. Default: 4 096. */
  readonly linkBytes: number
  /** Bytes of an entry's PAX records, GNU long names and sparse maps. Default: 1 MiB. */
  readonly paxBytes: number
  /**
   * Bytes of memory for a layer's hard links that come before their targets: their names, and 256 for each. Default:
   * 32 MiB.
   */
  readonly pendingBytes: number
  /**
   * Bytes that `bytes()` or `text()` of an entry returns, including holes; `body$` has no such limit. Default: 16
   * MiB.
   */
  readonly bodyBytes: number
  /**
   * Bytes of memory for the names and facts of an image's entries while its layers are merged: 256 for each entry, and its
   * path, link target and attributes; 256 for each directory that has no entry. Default: 256 MiB.
   */
  readonly treeBytes: number
  /** Bytes of a layer's table of contents, uncompressed; one that is larger is not used. Default: 32 MiB. */
  readonly tableBytes: number
  /** Bytes of an artifact's files, where they are read into memory. Default: 64 MiB. */
  readonly artifactBytes: number
  /** Tags or referrers of one list. Default: 100 000. */
  readonly listItems: number
  /** Pages of one list. Default: 1 000. */
  readonly listPages: number
  /** Bytes of all pages of one list. Default: 64 MiB. */
  readonly listBytes: number
  /** Signatures and other referrers that are looked at for each document of an image, and pages of their list. Default: 100. */
  readonly signatures: number
}

const GiB = 2 ** 30

/** All members are optional, and may be `undefined`. */
export type Some<A> = { readonly [K in keyof A]?: A[K] | undefined }

export const defaultLimits: Limits = {
  documentBytes: 4 * 2 ** 20,
  layers: 500,
  inflateRatio: 2000,
  blobBytes: 512 * GiB,
  layerBytes: 512 * GiB,
  fileBytes: 256 * GiB,
  entries: 10_000_000,
  depth: 256,
  pathBytes: 4096,
  linkBytes: 4096,
  paxBytes: 2 ** 20,
  pendingBytes: 32 * 2 ** 20,
  bodyBytes: 16 * 2 ** 20,
  treeBytes: 2 ** 28,
  tableBytes: 32 * 2 ** 20,
  artifactBytes: 64 * 2 ** 20,
  listItems: 100_000,
  listPages: 1000,
  listBytes: 64 * 2 ** 20,
  signatures: 100
}

/** Time limits, in milliseconds. */
export interface Timeouts {
  /** Opening a connection, including TLS. Default: 10 000. */
  readonly connect: number
  /** From the request to the headers of its final response; informational ones do not count. Default: 30 000. */
  readonly headers: number
  /** Between two pieces of a body. Default: 30 000. */
  readonly idle: number
  /** From the headers to the end of a manifest, config, token or page of a list. Default: 60 000. */
  readonly document: number
  /**
   * A whole pull or look-up (`resolve`, `manifest`, `tags`, `referrers`), including retries and waits. Default:
   * `Infinity`.
   */
  readonly total: number
  /**
   * The lowest rate of a body over each `rateWindow`; a slower one is ended and tried again; 0: no minimum. Default:
   * 1 000.
   */
  readonly minimumRate: number
  /** The window of `minimumRate`; time in which the pull itself is paused does not count. Default: 30 000. */
  readonly rateWindow: number
}

export const defaultTimeouts: Timeouts = {
  connect: 10_000,
  headers: 30_000,
  idle: 30_000,
  document: 60_000,
  total: Number.POSITIVE_INFINITY,
  minimumRate: 1000,
  rateWindow: 30_000
}

/** Retries of one request or one body: exponential with full jitter. `base`, `cap` and `maxWait` in milliseconds. */
export interface RetryOptions {
  /** Retries of one request or one body. Default: 3. */
  readonly times: number
  /** The pause before the first retry: random, up to this; doubled for each further retry. Default: 1 000. */
  readonly base: number
  /** The longest pause. Default: 30 000. */
  readonly cap: number
  /**
   * The longest pause that a host may ask for (`Retry-After`); if it asks for more, the request fails at once.
   * Default: 60 000.
   */
  readonly maxWait: number
}

export const defaultRetry: RetryOptions = { times: 3, base: 1_000, cap: 30_000, maxWait: 60_000 }

/** How long `pulls` keeps pulls that have ended. */
export interface PullsOptions {
  /** Pulls that have ended, at most; the ones that ended first are forgotten. Default: 100. */
  readonly finished: number
  /** How long a pull that has ended is kept. Milliseconds. Default: 10 minutes. */
  readonly finishedFor: number
}

export const defaultPulls: PullsOptions = { finished: 100, finishedFor: 600_000 }

/** `missing`: use the store if the image is complete there. `always`: ask the registry. `never`: use only the store. */
export type PullPolicy = "missing" | "always" | "never"

/** Credentials for one registry; `identityToken` is an OAuth2 refresh token, `registryToken` is a bearer token, sent as it is. */
export type Credentials =
  | { readonly username: string; readonly password: string | Redacted<string> }
  | { readonly identityToken: string | Redacted<string> }
  | { readonly registryToken: string | Redacted<string> }

/**
 * Returns credentials for a registry, or `undefined` if there are none. It is called before the first request, at most once
 * a minute for the same repository. If it fails, the pull fails with `CredentialsUnavailable`.
 */
export type CredentialsOf = (
  registry: string,
  repository: string
) => Credentials | undefined | Promise<Credentials | undefined> | Effect<Credentials | undefined, unknown>

/** Paths of PEM files. Without `key`, the file of the certificate contains its key too. */
export interface ClientCertificate {
  readonly cert: string
  readonly key?: string | undefined
}

/** TLS settings for one host. */
export interface TlsOptions {
  /** PEM files with certificate authorities to trust, in addition to the usual ones. Default: none. */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /** Client certificate for this host, which is shown to no other. Default: none. */
  readonly client?: ClientCertificate | ReadonlyArray<ClientCertificate> | undefined
  /**
   * Accept any certificate of this host. An attacker on the network can then read everything, and change whatever no digest verifies.
   * Default: `false`.
   */
  readonly insecure?: boolean | undefined
}

/** A host that serves a registry's images in its place: a pull-through cache, or a program on this machine. */
export interface MirrorOptions extends TlsOptions {
  /**
   * Address of the mirror; `/v2` is added to its path unless it ends so. `https://mirror.example.com`, or with a
   * path.
   */
  readonly url: string
  /** `pull`: used for what a digest names; `resolve`: trusted to say what a tag names. Default: both. */
  readonly capabilities?: ReadonlyArray<"pull" | "resolve"> | undefined
  /** Headers sent to this mirror with each request. Default: none. */
  readonly headers?: Readonly<Record<string, string | Redacted<string>>> | undefined
  /** Use the path as it is: no `/v2` is added. Default: `false`. */
  readonly overridePath?: boolean | undefined
}

/**
 * How to reach one host, as a registry or as a mirror. These settings take precedence over those in the directories of
 * `hostsDirs`; settings that are not given here are read from there.
 */
export interface HostOptions extends TlsOptions {
  /** `true`: plain HTTP to this host; `false`: HTTPS, even on loopback. Default: as the client's. */
  readonly plainHttp?: boolean | undefined
  /** Headers sent to the registry with each request. Default: none. */
  readonly headers?: Readonly<Record<string, string | Redacted<string>>> | undefined
  /**
   * Hosts that this registry may point to by a redirect, a token realm or a foreign layer, wherever they are. Names,
   * `.example.com` for all below one, addresses, networks as `10.0.0.0/8`; with a port or without. Default: none.
   */
  readonly trustedHosts?: ReadonlyArray<string> | undefined
  /** Mirrors to ask before the registry, in this order. Default: none. */
  readonly mirrors?: ReadonlyArray<string | MirrorOptions> | undefined
}

/** The forward proxy. */
export interface ProxyOptions {
  /** `http://[user:password@]host:port`, or `https://`, or `socks5://`. */
  readonly url: string | Redacted<string>
  /**
   * Hosts to reach without the proxy, as in `NO_PROXY`: names, domains, addresses, networks, separated by commas; `*`
   * for all. Default: none.
   */
  readonly noProxy?: string | undefined
}

/**
 * How owners, full modes and device nodes are kept.
 * `xattr`: in the attribute `user.containers.override_stat`. Needs no privilege; devices and FIFOs become empty files.
 * `chown`: they are set. Needs root.
 * `none`: they are dropped. Files belong to the caller; devices and FIFOs become empty files.
 */
export type Ownership = "xattr" | "chown" | "none"

/**
 * The format of `user.containers.override_stat`.
 * `seed`: `uid:gid:0<mode in octal, type bits among it>`, as microsandbox and libkrun read it; at most 29 bytes.
 * `containers`: `uid:gid:<mode in octal>:<type>`, as containers/storage and fuse-overlayfs read it.
 */
export type StatFormat = "seed" | "containers"

export type { LayoutName, OverlayAttributes }

/**
 * What a published layer survives. `crash`: the death of any process at any moment. `power`: a power cut too. Each layer is
 * then synced to the disk before it is published, which takes as long as the disk needs. See docs/durability.md.
 */
export type Durability = "crash" | "power"

/** What a pull does if the disk has less free space than the image needs at least. */
export type Preflight = "warn" | "refuse" | "off"

/**
 * What other users of this machine may do with the store's directories. `private`: nothing; new
 * directories get the mode 0700. `readable`: enter and read; 0755. `writable`: modes come from the umask, existing directories
 * keep theirs, and nothing is checked.
 */
export type Access = "private" | "readable" | "writable"

export interface PullerOptions {
  /** Directory of the store: catalogue and layers. Default: `OCIFLOW_HOME`, else `~/.ociflow`. */
  readonly root?: string | undefined
  /** Directory of extracted layers and root file systems. Default: `<root>/layers`. */
  readonly layersDir?: string | undefined
  /** Path of the file `ociflow-worker.js`, for the whole process. Default: beside the library's modules. */
  readonly worker?: string | undefined
  /** Path of the file `ociflow-sqlite.wasm`, for the whole process. Default: beside the library's modules. */
  readonly wasm?: string | undefined
  /** What other users of this machine may do with the store's directories. Default: `private`. */
  readonly access?: Access | undefined
  /** Directory of an OCI layout in which all blobs of what is pulled are kept too. Default: none. */
  readonly keepBlobs?: string | undefined
  /** How owners, modes and devices are kept. Default: `xattr`. */
  readonly ownership?: Ownership | undefined
  /** Format of the attribute; only for the ownership `xattr`. Default: `seed`. */
  readonly statFormat?: StatFormat | undefined
  /** Which directories a pull makes. Default: `layers`. */
  readonly layout?: LayoutName | undefined
  /** Whose attributes the mount reads; only for the layout `overlay`. Default: `trusted` for root, else `user`. */
  readonly overlayAttributes?: OverlayAttributes | undefined
  /** What a published layer survives. Default: `crash`. */
  readonly durability?: Durability | undefined
  /** How long the bytes of an interrupted download are kept. Milliseconds. Default: 7 days. */
  readonly partialsFor?: number | undefined
  /**
   * Downloads at once, over all pulls of the client, shared fairly between them; if none finishes for 5 s, a pull
   * that has none may start one beyond this number. Default: 3.
   */
  readonly concurrency?: number | undefined
  /**
   * Ranges of one blob requested at once; each blob takes up to 16 MiB of memory more. At most 16. More than one helps if a
   * connection is slower than the disk. Default: 1.
   */
  readonly ranges?: number | undefined
  /**
   * Layers extracted at once; those from which nothing has come for 250 ms, 16 of them at most, do not count; where cores are
   * left over, a second thread decompresses a layer of 16 MiB or more. Default: cores.
   */
  readonly workers?: number | undefined
  /**
   * `true`: plain HTTP to every registry; `false`: HTTPS everywhere, loopback included. Default: plain HTTP for
   * loopback only.
   */
  readonly plainHttp?: boolean | undefined
  /**
   * Credentials for registries. Keys are registry hosts (`ghcr.io`, `localhost:5000`) or a part of one
   * (`ghcr.io/org`). A function is called before a registry is asked. If it returns none, the defaults
   * are used. Default: `OCIFLOW_AUTH`, docker's `config.json`, podman's `auth.json`.
   */
  readonly credentials?: Readonly<Record<string, Credentials>> | CredentialsOf | undefined
  /** How a registry is reached; `*` stands for each host that is not named. Default: none. */
  readonly hosts?: Readonly<Record<string, HostOptions>> | undefined
  /**
   * Directories with `<host>/hosts.toml`, as containerd has them. Default: `OCIFLOW_HOSTS_DIR`, else
   * `~/.config/containerd/certs.d` and `/etc/containerd/certs.d`.
   */
  readonly hostsDirs?: ReadonlyArray<string> | undefined
  /** The forward proxy; `false`: none. Default: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`. */
  readonly proxy?: false | ProxyOptions | undefined
  /** Connections to one host at once. Default: 32. */
  readonly connections?: number | undefined
  /** Bounds on what an image may demand. */
  readonly limits?: Some<Limits> | undefined
  /** Time limits. */
  readonly timeouts?: Some<Timeouts> | undefined
  /** Retries of one request or one body; after the last one, the error of the last attempt. */
  readonly retry?: Some<RetryOptions> | undefined
  /** How long `pulls` keeps pulls that have ended. */
  readonly pulls?: Some<PullsOptions> | undefined
  /**
   * Which signatures an image must have before anything of its layers is downloaded or read. Default: none; no signature is
   * looked for.
   */
  readonly verify?: SignatureOptions | undefined
}

const day = 86_400_000

/** Defaults of those options of clients and pulls whose default is the same on every machine. */
export const defaults = {
  access: "private",
  ownership: "xattr",
  statFormat: "seed",
  layout: "layers",
  durability: "crash",
  partialsFor: 7 * day,
  concurrency: 3,
  ranges: 1,
  connections: 32,
  policy: "missing",
  preflight: "warn"
} as const satisfies Pick<
  PullerOptions,
  "access" | "ownership" | "statFormat" | "layout" | "durability" | "partialsFor"
> &
  Pick<PullerOptions, "concurrency" | "ranges" | "connections"> &
  PullOptions

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

/** Fills in defaults. An option that is `undefined` counts as not given. */
export const filled = <A extends object>(defaults: A, given: Some<A> | undefined): A => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined))
})
