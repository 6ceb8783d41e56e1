/** The options of everything that a client does, by name: what each may be, its default and what it does. */
import type { Redacted } from "effect/Redacted"
import type {
  ArtifactOptions,
  BlobOptions,
  BundleOptions,
  ConfigOptions,
  EntriesOptions,
  ExportOptions,
  HoldOptions,
  ListDirectoryOptions,
  ListOptions,
  LookOptions,
  ManifestOptions,
  PartOptions,
  PruneOptions,
  PullOptions,
  ReadFileOptions,
  ReferrersOptions,
  TreeOptions,
  VerifyOptions,
  Watching
} from "../config.ts"
import { defaults, platformForm } from "../config.ts"
import { boolean, choice, list, number, type Option, oneOrMore, other, path, record, type Table, text } from "./Kind.ts"
import { secret } from "./network.ts"

const longestPlatform = 100

const platform: Option<string> = {
  kind: text(
    "`os/architecture[/variant]`",
    "os/architecture[/variant]",
    (value) => value.length <= longestPlatform && platformForm.test(value.trim())
  ),
  default: "the host's, with `linux` on macOS and Windows",
  does: "which image of an index is used",
  errors: ["PlatformNotFound"]
}

const has = (value: unknown, key: string | symbol, type: string): boolean =>
  typeof value === "object" && value !== null && typeof Reflect.get(value, key) === type

const input: Option<AsyncIterable<Uint8Array>> = {
  kind: other("stream, or any async iterable of bytes", "a stream, or another async iterable of bytes", (value) =>
    has(value, Symbol.asyncIterator, "function")
  ),
  default: "the standard input",
  does: "what `oci:-` and `docker-archive:-` read",
  errors: ["InvalidSource"]
}

/** A path of an image: a `..` could only be read off the text, and leads elsewhere where a link is before it. */
const imagePath = text(
  "path",
  "a path without `..`",
  (value) => !value.includes("\0") && !value.split("/").includes("..")
)

const part: Table<PartOptions> = {
  only: {
    kind: oneOrMore(imagePath, "paths", "a path"),
    default: "all",
    does: "only these paths, and what is beneath them",
    see: "[use what you pulled](use.md#a-part-of-the-tree)"
  },
  strip: {
    kind: number("components", 0),
    default: "0",
    does: "drop so many leading components of each path, and leave out what has no more",
    errors: ["InvalidOption"]
  }
}

export const pullOptions = {
  platform,
  policy: {
    kind: choice("missing", "always", "never"),
    default: `\`${defaults.policy}\``,
    does: "when to ask the registry: only if the image is not in the store, always, or never",
    errors: ["NotCached"]
  },
  preflight: {
    kind: choice("warn", "refuse", "off"),
    default: `\`${defaults.preflight}\``,
    does: "what to do if the disk has less free space than the image needs at least: emit the warning `LittleSpace`, fail before anything is downloaded, or do not check",
    errors: ["NotEnoughSpace"]
  },
  partial: {
    kind: boolean,
    default: "`false`",
    does: "download only those files of a layer that the store does not have, where the layer has a table of contents",
    see: "[partial pulls](partial.md)"
  },
  name: {
    kind: text("reference"),
    default: "where the image came from",
    does: "for an image from a file, the reference to store it under",
    see: "[sources](sources.md)"
  },
  input,
  ...part
} satisfies Table<PullOptions>

/** Judges by shape: `instanceof` is false across realms, and across copies of this package. */
const isSignal = (value: unknown) => has(value, "aborted", "boolean") && has(value, "addEventListener", "function")
const isGate = (value: unknown) => has(value, "isOpen", "boolean") && has(value, "open$", "object")

/** The options of every call that returns a promise. */
export const watching: Table<Watching> = {
  signal: {
    kind: other("an `AbortSignal`", "an AbortSignal", isSignal),
    default: "none",
    does: "cancels the call, which fails with the signal's reason; an Effect is interrupted"
  },
  onEvent: {
    kind: other("a function", "a function", (value) => typeof value === "function"),
    default: "none",
    does: "called with each event",
    see: "[events](events.md)"
  }
}

export const entriesOptions: Table<EntriesOptions> = {
  platform,
  input,
  gate: {
    kind: other("a `Gate`", "a Gate", isGate),
    default: "always open",
    does: "while it is closed, no entries and no pieces of a body are emitted, and what is read ahead is bounded",
    see: "[backpressure](backpressure.md#a-gate-of-your-own)"
  }
}

const mediaType = text("media type")

export const artifactOptions: Table<ArtifactOptions> = {
  artifactType: {
    kind: mediaType,
    default: "any type",
    does: "only an artifact of this type; of an index, the one that has it",
    errors: ["ArtifactMismatch"]
  },
  accept: {
    kind: list(mediaType, "media types"),
    default: "all types",
    does: "only files of these media types",
    errors: ["ArtifactMismatch"]
  },
  platform: {
    ...platform,
    default: "none is preferred",
    does: "which entry of an index is used, where it has one for each platform",
    errors: ["ArtifactMismatch"]
  },
  into: {
    kind: path,
    default: "none; they are read into memory",
    does: "write the files into this directory",
    errors: ["UnsafeEntry", "FileSystemFailed"]
  },
  unpack: {
    kind: boolean,
    default: "of those that ORAS has marked for it",
    does: "write the entries of archives in place of the archives: of every tar, or of none"
  },
  input
}

export const blobOptions: Table<BlobOptions> = {
  input,
  gate: { ...entriesOptions.gate, does: "while it is closed, no bytes are emitted, and what is read ahead is bounded" }
}

export const holdOptions: Table<HoldOptions> = { platform, ...part }

/** The encodings that `fs` takes. */
const encoding = choice(
  "utf8",
  "utf-8",
  "utf16le",
  "ucs2",
  "ucs-2",
  "utf-16le",
  "ascii",
  "latin1",
  "binary",
  "base64",
  "base64url",
  "hex"
)

export const configOptions: Table<ConfigOptions> = { platform, policy: pullOptions.policy, input }

export const listDirectoryOptions: Table<ListDirectoryOptions> = {
  ...configOptions,
  partial: {
    kind: boolean,
    default: "`false`",
    does: "read the table of contents of a layer that has one, and not the whole layer",
    see: "[partial pulls](partial.md#one-file)"
  }
}

export const readFileOptions: Table<ReadFileOptions> = {
  ...listDirectoryOptions,
  encoding: { kind: encoding, default: "bytes", does: "return text in this encoding" }
}

export const treeOptions: Table<TreeOptions> = {
  platform,
  policy: pullOptions.policy,
  input,
  ...part
}

export const exportOptions: Table<ExportOptions> = {
  format: {
    kind: choice("tar", "erofs", "docker-archive", "oci-archive"),
    default: "`tar`",
    does: "what is made: one tar of the tree, a disk image of it, what `docker load` reads, or an OCI layout in a tar",
    see: "[export](export.md)"
  },
  ...treeOptions
}

/** The kernel ends a text at a NUL. */
const withoutNul = (value: string) => !value.includes("\0")
const argument = text("text", "text without a NUL", withoutNul)

export const bundleOptions: Table<BundleOptions> = {
  rootless: {
    kind: boolean,
    default: "`false` for root, else `true`",
    does: "a bundle that a user without rights starts: the container is in a user namespace, with this user's id alone, and owners are not set",
    see: "[a bundle](bundle.md#rootless)",
    errors: ["FileSystemFailed"]
  },
  args: {
    kind: list(argument, "texts", "texts"),
    default: "the image's entrypoint and command",
    does: "the program and its arguments",
    errors: ["InvalidOption"]
  },
  env: {
    kind: record(argument, "variable", { isName: (name) => /^[^=\0]+$/.test(name) }),
    default: "none",
    does: "environment variables, added to those of the image"
  },
  cwd: {
    kind: text("absolute path", "an absolute path", (value) => value.startsWith("/") && withoutNul(value)),
    default: "the image's, else `/`",
    does: "the working directory"
  },
  user: {
    kind: text(
      "`user`, `uid`, `user:group`, `uid:gid`",
      "user, uid, user:group or uid:gid",
      (value) => value !== "" && withoutNul(value)
    ),
    default: "the image's, else root",
    does: "who the process is: `user`, `uid`, `user:group` or `uid:gid`, looked up in the image's own files",
    errors: ["UnknownUser"]
  },
  hostname: {
    kind: text("host name", "a host name", (value) => value !== "" && withoutNul(value)),
    default: "`ociflow`",
    does: "the container's host name"
  },
  terminal: { kind: boolean, default: "`false`", does: "the process has a terminal, which who starts it must give it" },
  readonly: { kind: boolean, default: "`false`", does: "the container cannot write to its root file system" },
  platform,
  policy: pullOptions.policy,
  input
}

export const lookOptions: Table<LookOptions> = { input }

export const manifestOptions: Table<ManifestOptions> = {
  platform: { ...platform, default: "the index, if there is one", does: "choose the manifest for this platform" },
  input
}

export const referrersOptions: Table<ReferrersOptions> = {
  input,
  artifactType: { kind: text("media type"), default: "all types", does: "only artifacts of this type" }
}

export const listOptions: Table<ListOptions> = {
  limit: { kind: number("images", 1), default: "all", does: "at most this many images" },
  after: {
    kind: text("reference"),
    default: "the first",
    does: "only images after this reference, the last one of the previous page; it need not be in the store"
  }
}

export const pruneOptions: Table<PruneOptions> = {
  dryRun: { kind: boolean, default: "`false`", does: "report what would be removed, and remove nothing" },
  unusedFor: {
    kind: number("milliseconds", 0),
    default: "none are removed for their age",
    does: "also remove images that were not used for this long, and interrupted downloads that got no bytes for as long"
  },
  keepBytes: {
    kind: number("bytes", 0),
    default: "no bound",
    does: "also remove the images that were unused longest, until the layers of all others take no more than this"
  },
  partialsFor: {
    kind: number("milliseconds", 0),
    default: "`unusedFor`, else 0",
    does: "keep interrupted downloads that got bytes within this time"
  }
}

export const verifyOptions: Table<VerifyOptions> = {
  repair: { kind: boolean, default: "`false`", does: "pull again what is missing or was changed" }
}

export interface Login {
  readonly username: string
  readonly password: string | Redacted<string>
}

export const loginOptions: Table<Login> = {
  username: { kind: text("text"), default: "", does: "user name" },
  password: { kind: secret, default: "", does: "password or token" }
}
