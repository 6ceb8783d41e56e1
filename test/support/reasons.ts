/** One of each reason, made from fields as they occur. */
import { type Reason, reasons } from "../../src/api/errors.ts"

type Fields = {
  readonly [Tag in keyof typeof reasons]: Omit<InstanceType<(typeof reasons)[Tag]>, keyof Error | "_tag">
}

/** Only what a constructor takes: a new reason does not compile before it is here. */
type Given<A> = Partial<A>

const url = "https://r.test/v2/app/manifests/1"
const digest = `sha256:${"a".repeat(64)}`

const fields: { readonly [Tag in keyof typeof reasons]: Given<Fields[Tag]> } = {
  InvalidReference: { input: "A B", problem: "it has a space" },
  NotImplemented: { feature: "groups" },
  InvalidOption: { option: "root", problem: "is not a path" },
  RegistryUnreachable: { url, problem: "connection refused (ECONNREFUSED)" },
  AccessDenied: { url, status: 401, code: "UNAUTHORIZED", detail: "no", authenticated: true },
  CredentialsUnavailable: { registry: "r.test" },
  RateLimited: { url, retryAfterMillis: 5000, detail: "slow down" },
  ManifestNotFound: { url, code: "MANIFEST_UNKNOWN" },
  BlobNotFound: { url, digest },
  RegistryError: { url, status: 418, code: "TEAPOT" },
  InvalidResponse: { url, problem: "it is not JSON" },
  AddressRefused: { from: "https://r.test", to: "http://10.0.0.1/x", problem: "a public registry may not lead there" },
  InvalidSource: { source: "/tmp/x.tar", problem: "it is not an archive" },
  DeadlineExceeded: { millis: 90_000 },
  PlatformNotFound: { wanted: "linux/arm64", offered: ["linux/amd64"] },
  UnsupportedMediaType: { mediaType: "text/html", subject: "a layer" },
  UnsupportedDigest: { digest: "md5:0" },
  DigestMismatch: { subject: "blob", expected: digest, actual: `sha256:${"b".repeat(64)}` },
  SizeMismatch: { subject: "blob", expected: 1, actual: 2 },
  NotAnImage: { digest, artifactType: "application/vnd.cncf.helm.config.v1+json" },
  ArtifactMismatch: { digest, wanted: "application/spdx+json", found: ["application/vnd.cncf.helm.config.v1+json"] },
  InvalidManifest: { digest, problem: "it has no config" },
  UnknownUser: { user: "app:staff", problem: "its /etc/group has no such group" },
  Unsigned: { digest, scope: "r.test/org/*" },
  SignatureRejected: { digest, scope: "r.test/org/*", failures: ["sha256-a.sig: the signature is not by the key"] },
  IdentityMismatch: { digest, wanted: "a@r.test (https://i.test)", found: ["b@r.test (https://i.test)"] },
  TrustUnavailable: { source: "/x/cosign.pub", problem: "it cannot be read (ENOENT)" },
  BlobInterrupted: { digest, offset: 7, problem: "the connection was reset" },
  CorruptLayer: { digest, stage: "untar", problem: "a header is broken" },
  UnsafeEntry: { digest, path: "../x", problem: "it leaves the root" },
  BodyGone: { path: "etc/passwd" },
  LimitExceeded: { limit: "entries", maximum: 1, unit: "entries", subject: "layer" },
  FileSystemFailed: { operation: "open", path: "/x", code: "EACCES" },
  NotEnoughSpace: { path: "/x", needed: 2, available: 1 },
  WorkerDied: { digest, problem: "out of memory" },
  NotInImage: { path: "etc/app/config", missing: "etc/app" },
  UnsuitablePath: { path: "etc", code: "EISDIR", problem: "it is a directory" },
  UnsupportedEntry: {
    format: "erofs",
    path: "dev/disk",
    problem: "its minor number is 1048576; the maximum is 1048575"
  },
  NotCached: { platform: "linux/amd64", problem: "it was pulled for linux/arm64 only" },
  CatalogueFailed: { operation: "read", problem: "database is locked" },
  StoreDamaged: { faults: 2 },
  UnsafeStore: { path: "/x", problem: "belongs to another user (7)" },
  CatalogueTooNew: { path: "/x/oci.db", found: 9, supported: 1 },
  ModuleMissing: { module: "the database engine", problem: "Cannot find module 'sql.js'" }
}

const isTag = (text: string): text is keyof typeof reasons => Object.hasOwn(reasons, text)

export const sampleReason = (tag: string, given: object = {}): Reason => {
  if (!isTag(tag)) throw new Error(`${tag} is not a reason`)
  return Reflect.construct(reasons[tag], [{ ...fields[tag], ...given }]) as Reason
}

/** Each with its fields. */
export const samples: ReadonlyArray<readonly [tag: string, fields: object]> = Object.entries(fields)
