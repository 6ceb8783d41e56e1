/** Every option, its unit and its default. What can be set per pull is in `PullOptions`, the rest in `PullerOptions`. */
import type { Effect } from "effect/Effect"
import type { Redacted } from "effect/Redacted"
import type { LayoutName } from "../layer/layout/layouts.ts"
import type { OverlayAttributes } from "../layer/layout/overlay.ts"
import type { Gate } from "../reactive/Gate.ts"
import type { Emit } from "./events.ts"

/** Bounds on what an image may demand. Passing one is the error `LimitExceeded`, which names it. */
export interface Limits {
  /** Bytes of one manifest, index or config. */
  readonly documentBytes: number
  /** Layers of one image, each counted as often as it is named. */
  readonly layers: number
  /** Bytes out per byte in, over a layer as a whole, looked at from 16 MiB of output on. DEFLATE cannot pass 1032. */
  readonly inflateRatio: number
  /** Bytes of one layer's blob, as its manifest tells them. */
  readonly blobBytes: number
  /** Bytes of one uncompressed layer. */
  readonly layerBytes: number
  /** Bytes of one file; a sparse file counts with its holes. */
  readonly fileBytes: number
  /** Entries in one layer. */
  readonly entries: number
  /** Components of one path. */
  readonly depth: number
  /** Bytes of one path. */
  readonly pathBytes: number
  /** Bytes of one link target. */
  readonly linkBytes: number
  /** Bytes of the PAX records, GNU long names and sparse maps of one entry. */
  readonly paxBytes: number
  /** Bytes of memory for the hard links of one layer that come before their targets: their names, and 256 for each. */
  readonly pendingBytes: number
  /** Bytes of a body that `bytes()` or `text()` of an entry gives, holes counted. `body$` has no such limit. */
  readonly bodyBytes: number
  /** Tags, or referrers, of one list. */
  readonly listItems: number
  /** Pages of one list. */
  readonly listPages: number
  /** Bytes of all pages of one list. */
  readonly listBytes: number
}

const GiB = 2 ** 30

/** Every member, and `undefined` is none. */
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
  listItems: 100_000,
  listPages: 1000,
  listBytes: 64 * 2 ** 20
}

/** Time limits, in milliseconds. */
export interface Timeouts {
  /** Until a connection, TLS included, stands. */
  readonly connect: number
  /** From the request until the headers of its final response: informational ones do not count. */
  readonly headers: number
  /** Between two pieces of a body. */
  readonly idle: number
  /** From the response's headers until a manifest, a config, a token or a page of a list is whole. */
  readonly document: number
  /**
   * Of one pull as a whole, or of one look (`resolve`, `manifest`, `tags`, `referrers`), with all its retries and waits;
   * passing it is `DeadlineExceeded`. `Infinity` is none.
   */
  readonly total: number
  /**
   * Bytes a second that a body has to bring over each `rateWindow`; 0: none. Time in which the pull itself wants no bytes
   * does not count. What is slower is ended and tried again, like a body that broke.
   */
  readonly minimumRate: number
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
  readonly times: number
  readonly base: number
  readonly cap: number
  /** The longest `Retry-After` that is obeyed: where a host asks for more, the request fails. */
  readonly maxWait: number
}

export const defaultRetry: RetryOptions = { times: 3, base: 1_000, cap: 30_000, maxWait: 60_000 }

/** `missing`: what is complete is served without the network. `always`: the registry is asked. `never`: store only. */
export type PullPolicy = "missing" | "always" | "never"

/** Credentials for one registry; `identityToken` is an OAuth2 refresh token, `registryToken` a bearer token as it is. */
export type Credentials =
  | { readonly username: string; readonly password: string | Redacted<string> }
  | { readonly identityToken: string | Redacted<string> }
  | { readonly registryToken: string | Redacted<string> }

/**
 * Finds credentials when a registry is about to be asked; `undefined`: none. It is asked at most once a minute for the
 * same repository. Its failure fails the pull with `CredentialsUnavailable`.
 */
export type CredentialsOf = (
  registry: string,
  repository: string
) => Credentials | undefined | Promise<Credentials | undefined> | Effect<Credentials | undefined, unknown>

/** Paths of PEM files. Without `key`, the file of the certificate holds its key too. */
export interface ClientCertificate {
  readonly cert: string
  readonly key?: string | undefined
}

/** How TLS is spoken to one host. */
export interface TlsOptions {
  /** Paths of PEM files with authorities that are trusted beside the usual ones. */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /** Shown to this host and to no other. */
  readonly client?: ClientCertificate | ReadonlyArray<ClientCertificate> | undefined
  /** Takes any certificate of this host. Whoever is in between reads and changes what is not proven by a digest. */
  readonly insecure?: boolean | undefined
}

/** Another place that serves a registry's images: a pull-through cache, or a program on this machine. */
export interface MirrorOptions extends TlsOptions {
  /** `https://mirror.example.com`, or with a path: `/v2` is added to it unless it ends so. */
  readonly url: string
  /** `resolve`: it is believed what a tag names. `pull`: it serves what a digest names. Default, and of none: both. */
  readonly capabilities?: ReadonlyArray<"pull" | "resolve"> | undefined
  /** Sent to this mirror with each request. */
  readonly headers?: Readonly<Record<string, string | Redacted<string>>> | undefined
  /** The path is the API's root as it is: no `/v2` is added. */
  readonly overridePath?: boolean | undefined
}

/**
 * How one host is reached, as a registry or as a mirror. What is given here counts before what the directories of
 * `hostsDirs` say; what they say besides holds, too.
 */
export interface HostOptions extends TlsOptions {
  /** Speak plain HTTP to this host; `false`: HTTPS, even if it is this very machine. */
  readonly plainHttp?: boolean | undefined
  /** Sent to the registry with each request. */
  readonly headers?: Readonly<Record<string, string | Redacted<string>>> | undefined
  /**
   * Where this registry may send us by a redirect, a token realm or a foreign layer, wherever that lies: names,
   * `.example.com` for all below one, addresses, networks as `10.0.0.0/8`; with a port or without.
   */
  readonly trustedHosts?: ReadonlyArray<string> | undefined
  /** Asked in this order, before the registry itself. */
  readonly mirrors?: ReadonlyArray<string | MirrorOptions> | undefined
}

/** The forward proxy. */
export interface ProxyOptions {
  /** `http://[user:password@]host:port`, or `https://`, or `socks5://`. */
  readonly url: string | Redacted<string>
  /** As `NO_PROXY`: names, domains, addresses, networks, with a port or without, separated by commas; `*` for all. */
  readonly noProxy?: string | undefined
}

/**
 * How owners, full modes and device nodes are kept.
 * `xattr`: in `user.containers.override_stat`; no privilege is needed, devices and FIFOs are empty files.
 * `chown`: for real; needs root.
 * `none`: not at all; files are the caller's, devices and FIFOs are empty files.
 */
export type Ownership = "xattr" | "chown" | "none"

/**
 * The form of `user.containers.override_stat`.
 * `seed`: `uid:gid:0<mode in octal, type bits among it>`, as microsandbox and libkrun read it; at most 29 bytes.
 * `containers`: `uid:gid:<mode in octal>:<type>`, as containers/storage and fuse-overlayfs read it.
 */
export type StatFormat = "seed" | "containers"

export type { LayoutName, OverlayAttributes }

/**
 * What a published layer outlives. `crash`: the end of any process, at any instant. `power`: a power cut too; every layer
 * is written to the disk before it gets its name, which costs what the disk takes. See docs/durability.md.
 */
export type Durability = "crash" | "power"

/** What a pull does where the disk has less free space than the image needs at least. */
export type Preflight = "warn" | "refuse" | "off"

/**
 * What other users of this machine may do with the store's directories. `private`: nothing; what is made has the mode 0700.
 * `readable`: enter and read; 0755. `writable`: as the umask and whoever made them say, and nothing is checked.
 */
export type Access = "private" | "readable" | "writable"

export interface PullerOptions {
  /** Where the catalogue and the layers are. Default: `OCIFLOW_HOME`, else `~/.ociflow`. */
  readonly root?: string | undefined
  /** Where extracted layers and root file systems are. Default: `<root>/layers`. */
  readonly layersDir?: string | undefined
  /** Default `private`. */
  readonly access?: Access | undefined
  /** Directory of an OCI layout in which all blobs of what is pulled are kept, too. Default: none are. */
  readonly keepBlobs?: string | undefined
  /** Default `xattr`. */
  readonly ownership?: Ownership | undefined
  /** Of the ownership `xattr`. Default `seed`. */
  readonly statFormat?: StatFormat | undefined
  /** Default `layers`. */
  readonly layout?: LayoutName | undefined
  /** Of the layout `overlay`. Default: `trusted` for root, else `user`. */
  readonly overlayAttributes?: OverlayAttributes | undefined
  /** Default `crash`. */
  readonly durability?: Durability | undefined
  /** Downloads that were cut off and not continued for so many milliseconds are removed. Default: 7 days. */
  readonly partialsFor?: number | undefined
  /**
   * Layers downloaded at once, over all pulls of this puller, shared fairly between them. Default 3. Where none ends for
   * 5 s, one pull that has none in hand is let in beyond the number.
   */
  readonly concurrency?: number | undefined
  /**
   * Ranges of one blob asked for at once, 16 at most. Default 1: one request, one body. More help where a connection is
   * slower than the disk; each blob then takes up to 16 MiB of memory more.
   */
  readonly ranges?: number | undefined
  /** Extraction workers. Default: as many as cores. */
  readonly workers?: number | undefined
  /** Speak plain HTTP to every registry of this puller. Loopback hosts need no such option; `false` is HTTPS to them, too. */
  readonly plainHttp?: boolean | undefined
  /**
   * Credentials by registry host (`ghcr.io`, `localhost:5000`) or part of one (`ghcr.io/org`), or a function that finds
   * them. Where this knows none: `OCIFLOW_AUTH`, then docker's `config.json`, then podman's `auth.json`.
   */
  readonly credentials?: Readonly<Record<string, Credentials>> | CredentialsOf | undefined
  /** By registry host; `*` stands for each that is not named. */
  readonly hosts?: Readonly<Record<string, HostOptions>> | undefined
  /**
   * Directories in containerd's form: `<host>/hosts.toml`, `_default/hosts.toml`. Default: `OCIFLOW_HOSTS_DIR` (several
   * as in `PATH`), else `~/.config/containerd/certs.d` and `/etc/containerd/certs.d`.
   */
  readonly hostsDirs?: ReadonlyArray<string> | undefined
  /** Default: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, of either case. `false`: none. */
  readonly proxy?: false | ProxyOptions | undefined
  /** Connections to one host at once. Default 32. */
  readonly connections?: number | undefined
  readonly limits?: Some<Limits> | undefined
  readonly timeouts?: Some<Timeouts> | undefined
  readonly retry?: Some<RetryOptions> | undefined
}

const day = 86_400_000

/** Of the options of clients and pulls that have one which is the same everywhere. */
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

export interface PullOptions {
  /** `os/architecture[/variant]`. Default: the host's, with `linux` on macOS and Windows. */
  readonly platform?: string | undefined
  /** Default `missing`. */
  readonly policy?: PullPolicy | undefined
  /**
   * Of an image from a file: the reference under which it is stored. Default: where it came from, as
   * `oci:/path/of/layout:tag`; never what stands within the file.
   */
  readonly name?: string | undefined
  /** What `oci:-` and `docker-archive:-` read. Default: the standard input. */
  readonly input?: AsyncIterable<Uint8Array> | undefined
  /** Default `warn`: a warning `LittleSpace`. `refuse`: the error `NotEnoughSpace`, before anything is downloaded. */
  readonly preflight?: Preflight | undefined
}

/** How a promise is cancelled, and who hears of what happens on the way. */
export interface Watching {
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: Emit | undefined
}

export type HoldOptions = Pick<PullOptions, "platform">

/** Options of `entries$`. Entries are read from the image's source, even if the store has the image. */
export interface EntriesOptions extends Pick<PullOptions, "platform" | "input"> {
  /**
   * While it is closed, no entry and no piece of a body comes, and what is read ahead is bounded. For an observer that is
   * not done when its `next` returns: it closes the gate there, and opens it when it is done. Default: always open.
   */
  readonly gate?: Gate | undefined
}

/** Options of `resolve` and `tags`. */
export type LookOptions = Pick<PullOptions, "input">

export interface ManifestOptions extends LookOptions {
  readonly platform?: string | undefined
}

export interface ReferrersOptions extends LookOptions {
  readonly artifactType?: string | undefined
}

/** Options of `images`: a page of the list by reference. */
export interface ListOptions {
  readonly limit?: number | undefined
  readonly after?: string | undefined
}

/** Options of `prune`. Images used within the last minute, or while `prune` makes its choice, are kept in any case. */
export interface PruneOptions {
  readonly dryRun?: boolean | undefined
  readonly unusedFor?: number | undefined
  readonly keepBytes?: number | undefined
  readonly partialsFor?: number | undefined
}

export interface VerifyOptions {
  readonly repair?: boolean | undefined
}

/** An option that is there and `undefined` is an option that is not there. */
export const filled = <A extends object>(defaults: A, given: Some<A> | undefined): A => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined))
})
