/** The options of a client, by name: what each may be, its default and what it does. */

import { layoutNames } from "../../layer/layout/layouts.ts"
import {
  defaultLimits,
  defaultPulls,
  defaultRetry,
  defaults,
  defaultTimeouts,
  type Limits,
  type PullerOptions,
  type PullsOptions,
  type RetryOptions,
  type Some,
  type Timeouts
} from "../config.ts"
import { boolean, choice, list, number, type Option, object, path, type Table } from "./Kind.ts"
import { credentials, hosts, proxy } from "./network.ts"
import { signatures } from "./signatures.ts"

const shown = (value: number | string): string => {
  if (typeof value === "string") return `\`${value}\``
  if (value === Number.POSITIVE_INFINITY) return "`Infinity`"
  for (const [unit, name] of [
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"]
  ] as const)
    if (value >= unit && value % unit === 0) return `${value / unit} ${name}`
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, " ")
}

const limit = (name: keyof Limits, unit: string, does: string, fraction = false): Option<number> => ({
  kind: number(unit, 0, { endless: true, fraction }),
  default: shown(defaultLimits[name]),
  does
})

export const limits: Table<Some<Limits>> = {
  documentBytes: limit("documentBytes", "bytes", "bytes of a manifest, index or config"),
  layers: limit("layers", "layers", "layers of an image; a layer that is listed twice counts twice"),
  inflateRatio: limit(
    "inflateRatio",
    "bytes per byte",
    "decompressed bytes per compressed byte of a layer, checked from 16 MiB of output on; DEFLATE cannot exceed 1032",
    true
  ),
  blobBytes: limit("blobBytes", "bytes", "bytes of a layer's blob, as the manifest states them"),
  layerBytes: limit("layerBytes", "bytes", "bytes of an uncompressed layer"),
  fileBytes: limit("fileBytes", "bytes", "bytes of one file, including holes"),
  entries: limit("entries", "entries", "entries of a layer, including directories that are only implied by paths"),
  depth: limit("depth", "components", "components of a path, including empty ones"),
  pathBytes: limit("pathBytes", "bytes", "bytes of a path"),
  linkBytes: limit("linkBytes", "bytes", "bytes of a link's target"),
  paxBytes: limit("paxBytes", "bytes", "bytes of an entry's PAX records, GNU long names and sparse maps"),
  pendingBytes: limit(
    "pendingBytes",
    "bytes",
    "bytes of memory for a layer's hard links that come before their targets: their names, and 256 for each"
  ),
  bodyBytes: limit(
    "bodyBytes",
    "bytes",
    "bytes that `bytes()` or `text()` of an entry returns, including holes; `body$` has no such limit"
  ),
  tableBytes: limit(
    "tableBytes",
    "bytes",
    "bytes of a layer's table of contents, uncompressed; one that is larger is not used"
  ),
  treeBytes: limit(
    "treeBytes",
    "bytes",
    "bytes of memory for the names and facts of an image's entries while its layers are merged: 256 for each entry, and its path, link target and attributes; 256 for each directory that has no entry"
  ),
  artifactBytes: limit("artifactBytes", "bytes", "bytes of an artifact's files, where they are read into memory"),
  listItems: limit("listItems", "items", "tags or referrers of one list"),
  listPages: limit("listPages", "pages", "pages of one list"),
  listBytes: limit("listBytes", "bytes", "bytes of all pages of one list"),
  signatures: limit(
    "signatures",
    "signatures",
    "signatures and other referrers that are looked at for each document of an image, and pages of their list"
  )
}

/** Node's timers count no further: beyond, they go off at once. */
export const longestTimeout = 2 ** 31 - 1

const timeout = (
  name: keyof Timeouts,
  does: string,
  more: Pick<Option<number>, "errors"> = {},
  { unit = "milliseconds", least = 1, endless = false } = {}
): Option<number> => ({
  kind: number(unit, least, { most: longestTimeout, endless, values: unit }),
  default: shown(defaultTimeouts[name]),
  does,
  ...more
})

export const timeouts: Table<Some<Timeouts>> = {
  connect: timeout("connect", "opening a connection, including TLS"),
  headers: timeout("headers", "from the request to the headers of its final response; informational ones do not count"),
  idle: timeout("idle", "between two pieces of a body"),
  document: timeout("document", "from the headers to the end of a manifest, config, token or page of a list"),
  total: timeout(
    "total",
    "a whole pull or look-up (`resolve`, `manifest`, `tags`, `referrers`), including retries and waits",
    { errors: ["DeadlineExceeded"] },
    { endless: true }
  ),
  minimumRate: timeout(
    "minimumRate",
    "the lowest rate of a body over each `rateWindow`; a slower one is ended and tried again; 0: no minimum",
    {},
    { unit: "bytes a second", least: 0 }
  ),
  rateWindow: timeout(
    "rateWindow",
    "the window of `minimumRate`; time in which the pull itself is paused does not count"
  )
}

const pause = (name: keyof RetryOptions, does: string, unit = "milliseconds"): Option<number> => ({
  kind: number(unit, 0),
  default: shown(defaultRetry[name]),
  does
})

export const retry: Table<Some<RetryOptions>> = {
  times: pause("times", "retries of one request or one body", "retries"),
  base: pause("base", "the pause before the first retry: random, up to this; doubled for each further retry"),
  cap: pause("cap", "the longest pause"),
  maxWait: pause(
    "maxWait",
    "the longest pause that a host may ask for (`Retry-After`); if it asks for more, the request fails at once"
  )
}

export const pulls: Table<Some<PullsOptions>> = {
  finished: {
    kind: number("pulls", 0),
    default: shown(defaultPulls.finished),
    does: "pulls that have ended, at most; the ones that ended first are forgotten"
  },
  finishedFor: {
    kind: number("milliseconds", 0, { most: longestTimeout, values: "milliseconds" }),
    default: "10 minutes",
    does: "how long a pull that has ended is kept"
  }
}

export const clientOptions = {
  root: {
    kind: path,
    default: "`OCIFLOW_HOME`, else `~/.ociflow`",
    does: "directory of the store: catalogue and layers",
    errors: ["FileSystemFailed"]
  },
  layersDir: {
    kind: path,
    default: "`<root>/layers`",
    does: "directory of extracted layers and root file systems",
    errors: ["FileSystemFailed"]
  },
  worker: {
    kind: path,
    default: "beside the library's modules",
    does: "path of the file `ociflow-worker.js`, for the whole process",
    see: "[bundling](bundling.md)",
    errors: ["ModuleMissing"]
  },
  wasm: {
    kind: path,
    default: "beside the library's modules",
    does: "path of the file `ociflow-sqlite.wasm`, for the whole process",
    see: "[bundling](bundling.md)",
    errors: ["ModuleMissing"]
  },
  access: {
    kind: choice("private", "readable", "writable"),
    default: shown(defaults.access),
    does: "what other users of this machine may do with the store's directories",
    see: "[security](security.md#other-users-of-the-machine)",
    errors: ["UnsafeStore"]
  },
  keepBlobs: {
    kind: path,
    default: "none",
    does: "directory of an OCI layout in which all blobs of what is pulled are kept too",
    see: "[sources](sources.md)",
    errors: ["FileSystemFailed"]
  },
  ownership: {
    kind: choice("xattr", "chown", "none"),
    default: shown(defaults.ownership),
    does: "how owners, modes and devices are kept",
    see: "[extraction](extraction.md); `chown` without root fails with `EPERM`",
    errors: ["FileSystemFailed"]
  },
  statFormat: {
    kind: choice("seed", "containers"),
    default: shown(defaults.statFormat),
    does: "how the attribute is written: `seed` as microsandbox and libkrun read it, `containers` as containers/storage and fuse-overlayfs do; only for the ownership `xattr`",
    see: "[extraction](extraction.md)"
  },
  layout: {
    kind: choice(...layoutNames),
    default: shown(defaults.layout),
    does: "which directories a pull makes",
    see: "[extraction](extraction.md#layouts)"
  },
  overlayAttributes: {
    kind: choice("trusted", "user"),
    default: "`trusted` for root, else `user`",
    does: "whose attributes the mount reads; only for the layout `overlay`",
    see: "[extraction](extraction.md#layouts)"
  },
  durability: {
    kind: choice("crash", "power"),
    default: shown(defaults.durability),
    does: "what a published layer survives",
    see: "[durability](durability.md)"
  },
  partialsFor: {
    kind: number("milliseconds", 0),
    default: "7 days",
    does: "how long the bytes of an interrupted download are kept"
  },
  concurrency: {
    kind: number("layers", 1),
    default: shown(defaults.concurrency),
    does: "downloads at once, over all pulls of the client, shared fairly between them. If no download starts for 5 s, a pull that has none starts one more"
  },
  ranges: {
    kind: number("requests", 1, { most: 16 }),
    default: shown(defaults.ranges),
    does: "ranges of one blob requested at once; each blob takes up to 16 MiB of memory more",
    see: "[registries](registries.md#large-blobs)"
  },
  workers: {
    kind: number("threads", 1),
    default: "cores",
    does: "layers extracted at once. Up to 16 layers that have received nothing for 250 ms are not counted. A free core decompresses for a layer of 16 MiB or more",
    see: "[a pull](pull.md#slow-layers)"
  },
  plainHttp: {
    kind: boolean,
    default: "plain HTTP for loopback only",
    does: "`true`: plain HTTP to every registry; `false`: HTTPS everywhere, loopback included",
    errors: ["RegistryUnreachable"]
  },
  credentials: {
    kind: credentials,
    default: "`OCIFLOW_AUTH`, docker's `config.json`, podman's `auth.json`",
    does: "credentials for registries",
    see: "[registries](registries.md#credentials)",
    errors: ["AccessDenied", "CredentialsUnavailable"]
  },
  hosts: {
    kind: hosts,
    default: "none",
    does: "how a registry is reached; `*` stands for each host that is not named",
    see: "[host options](#host-options)"
  },
  hostsDirs: {
    kind: list(path, "paths"),
    default: "`OCIFLOW_HOSTS_DIR`, else `~/.config/containerd/certs.d` and `/etc/containerd/certs.d`",
    does: "directories with `<host>/hosts.toml`, as containerd has them",
    see: "[registries](registries.md)"
  },
  proxy: {
    kind: proxy,
    default: "`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`",
    does: "the forward proxy; `false`: none",
    errors: ["RegistryUnreachable"]
  },
  connections: {
    kind: number("connections", 1),
    default: shown(defaults.connections),
    does: "connections to one host at once"
  },
  limits: {
    kind: object<Some<Limits>>(limits, "[limits](#limits)"),
    default: "see there",
    does: "bounds on what an image may demand",
    errors: ["LimitExceeded"]
  },
  timeouts: {
    kind: object<Some<Timeouts>>(timeouts, "[timeouts](#timeouts)"),
    default: "see there",
    does: "time limits",
    errors: ["RegistryUnreachable", "BlobInterrupted", "DeadlineExceeded"]
  },
  retry: {
    kind: object<Some<RetryOptions>>(retry, "[retries](#retry)"),
    default: "see there",
    does: "retries of one request or one body; after the last one, the error of the last attempt"
  },
  pulls: {
    kind: object<Some<PullsOptions>>(pulls, "[running pulls](#running-pulls)"),
    default: "see there",
    does: "how long `pulls` keeps pulls that have ended"
  },
  verify: {
    kind: signatures,
    default: "none; no signature is looked for",
    does: "which signatures an image must have before anything of its layers is downloaded or read",
    see: "[signatures](signatures.md)",
    errors: ["Unsigned", "SignatureRejected", "IdentityMismatch", "TrustUnavailable"]
  }
} satisfies Table<PullerOptions>

/** The options of `openRegistry`: those that say how registries are reached. */
export const registryOptions = {
  plainHttp: clientOptions.plainHttp,
  ranges: clientOptions.ranges,
  credentials: clientOptions.credentials,
  hosts: clientOptions.hosts,
  hostsDirs: clientOptions.hostsDirs,
  proxy: clientOptions.proxy,
  connections: clientOptions.connections,
  limits: clientOptions.limits,
  timeouts: clientOptions.timeouts,
  retry: clientOptions.retry,
  verify: clientOptions.verify
}
