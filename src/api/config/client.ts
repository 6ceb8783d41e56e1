/** What a client is opened with. */
import type { LayoutName } from "../../layer/layout/layouts.ts"
import type { OverlayAttributes } from "../../layer/layout/overlay.ts"
import type { SignatureOptions } from "../signatures.ts"
import type { PullOptions } from "./calls.ts"
import type { Some } from "./filled.ts"
import type { Limits, RetryOptions, Timeouts } from "./limits.ts"
import type { Credentials, CredentialsOf, HostOptions, ProxyOptions } from "./network.ts"

/** How long `pulls` keeps pulls that have ended. */
export interface PullsOptions {
  /** Pulls that have ended, at most; the ones that ended first are forgotten. Default: 100. */
  readonly finished: number
  /** How long a pull that has ended is kept. Milliseconds. Default: 10 minutes. */
  readonly finishedFor: number
}

export const defaultPulls: PullsOptions = { finished: 100, finishedFor: 600_000 }

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
  /**
   * How the attribute is written: `seed` as microsandbox and libkrun read it, `containers` as containers/storage and
   * fuse-overlayfs do; only for the ownership `xattr`. Default: `seed`.
   */
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
   * Downloads at once, over all pulls of the client, shared fairly between them. If no download starts for 5 s, a pull that
   * has none starts one more. Default: 3.
   */
  readonly concurrency?: number | undefined
  /**
   * Ranges of one blob requested at once; each blob takes up to 16 MiB of memory more. At most 16. More than one helps if a
   * connection is slower than the disk. Default: 1.
   */
  readonly ranges?: number | undefined
  /**
   * Layers extracted at once. Up to 16 layers that have received nothing for 250 ms are not counted. A free core decompresses
   * for a layer of 16 MiB or more. Default: cores.
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
