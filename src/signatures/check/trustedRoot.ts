/** Trusted roots: from a file, by TUF, or from the certificates and keys that a policy names. */
import { createHash, X509Certificate } from "node:crypto"
import type { TrustedRoot } from "@sigstore/protobuf-specs"
import * as Effect from "effect/Effect"
import { messageOf } from "../../api/codeOf.ts"
import { type Reason, TrustUnavailable } from "../../api/errors.ts"
import type { TufOptions } from "../../api/signatures.ts"
import type { TrustedRootSource, TrustFile, TrustParts } from "../rules/Rule.ts"
import { certificatesIn } from "./cosignBundle.ts"
import { readKeys } from "./keys.ts"
import { loadProtobufSpecs, loadTuf } from "./packages.ts"
import { readTrust } from "./readTrust.ts"

/** Certificates that may come with a signature: Sigstore's have one. */
const mostOffered = 8

const always = { start: "1970-01-01T00:00:00Z" }

const details = ({
  asymmetricKeyType,
  namedCurve
}: {
  readonly asymmetricKeyType?: string
  readonly namedCurve?: string
}) => {
  if (asymmetricKeyType === "ed25519") return "PKIX_ED25519"
  if (asymmetricKeyType === "rsa") return "PKIX_RSA_PKCS1V15_2048_SHA256"
  return namedCurve === "secp384r1" ? "PKIX_ECDSA_P384_SHA_384" : "PKIX_ECDSA_P256_SHA_256"
}

/** An RSA key's details would say that its bytes are PKCS #1, and they are SPKI: no log of such a key is in use. */
const logOf = Effect.fnUntraced(function* (file: TrustParts["logKeys"][number]) {
  return (yield* readKeys(file)).map((key) => {
    const raw = key.export({ type: "spki", format: "der" })
    const { namedCurve = "" } = key.asymmetricKeyDetails ?? {}
    return {
      baseUrl: "",
      hashAlgorithm: "SHA2_256",
      publicKey: {
        rawBytes: raw.toString("base64"),
        keyDetails: details({ asymmetricKeyType: key.asymmetricKeyType ?? "", namedCurve }),
        validFor: always
      },
      logId: { keyId: createHash("sha256").update(raw).digest("base64") }
    }
  })
})

const authorityOf = Effect.fnUntraced(function* (file: TrustParts["authorities"][number]) {
  const text = yield* readTrust(file)
  const found = yield* Effect.try({
    try: () => certificatesIn(text),
    catch: (cause) =>
      new TrustUnavailable({ source: file.name, problem: "it has a certificate that cannot be read", cause })
  })
  if (found.length === 0)
    return yield* new TrustUnavailable({ source: file.name, problem: "it has no certificate (PEM)" })
  return found
})

/** Chains of two: what came with the signature, if it is an authority's own and may issue certificates, and that authority. */
const chainsOf = (offered: string, roots: ReadonlyArray<Buffer>): ReadonlyArray<ReadonlyArray<Buffer>> => {
  try {
    return certificatesIn(offered)
      .slice(0, mostOffered)
      .flatMap((raw) => {
        const it = new X509Certificate(raw)
        const issuer = roots.find((root) => {
          const authority = new X509Certificate(root)
          return it.checkIssued(authority) && it.verify(authority.publicKey)
        })
        // One that has signed itself is a root, and those are in the policy.
        return issuer === undefined || !it.ca || it.checkIssued(it) ? [] : [[raw, issuer]]
      })
  } catch {
    return []
  }
}

/** Reads the logs of certificates of a file. */
const certificateLogsOf = Effect.fnUntraced(function* (file: TrustFile) {
  const text = yield* readTrust(file)
  return yield* Effect.try({
    try: () => {
      const { ctlogs = [] } = JSON.parse(text) as { readonly ctlogs?: ReadonlyArray<unknown> }
      return ctlogs
    },
    catch: (cause) => new TrustUnavailable({ source: file.name, problem: "it is not a trusted root (JSON)", cause })
  })
})

const authority = (chain: ReadonlyArray<Buffer>) => ({
  subject: {},
  certChain: { certificates: chain.map((raw) => ({ rawBytes: raw.toString("base64") })) },
  validFor: always
})

const partsOf = Effect.fnUntraced(function* ({ authorities, logKeys, certificateLogs, offered = "" }: TrustParts) {
  const certificates = (yield* Effect.forEach(authorities, authorityOf)).flat()
  const roots = certificates.filter((raw) => {
    const it = new X509Certificate(raw)
    return it.checkIssued(it)
  })
  const chain = [...certificates.filter((it) => !roots.includes(it)), ...roots]
  return {
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    tlogs: (yield* Effect.forEach(logKeys, logOf)).flat(),
    certificateAuthorities: [...(chain.length === 0 ? [] : [chain]), ...chainsOf(offered, roots)].map(authority),
    ctlogs: certificateLogs === undefined ? [] : yield* certificateLogsOf(certificateLogs),
    timestampAuthorities: []
  }
})

const byTuf = Effect.fnUntraced(function* ({ mirrorUrl, root, cache }: TufOptions) {
  const { getTrustedRoot } = yield* loadTuf
  return yield* Effect.tryPromise({
    try: () =>
      getTrustedRoot({
        ...(mirrorUrl === undefined ? {} : { mirrorURL: mirrorUrl }),
        ...(root === undefined ? {} : { rootPath: root }),
        ...(cache === undefined ? {} : { cachePath: cache })
      }),
    catch: (cause) => new TrustUnavailable({ source: "TUF", problem: messageOf(cause), cause })
  })
})

export const readTrustedRoot = Effect.fnUntraced(function* (
  source: TrustedRootSource
): Effect.fn.Return<TrustedRoot, Reason> {
  if (source._tag === "Tuf") return yield* byTuf(source.tuf)
  const { TrustedRoot } = yield* loadProtobufSpecs
  const name = source._tag === "File" ? source.file.name : "the policy"
  const text = source._tag === "File" ? yield* readTrust(source.file) : undefined
  const parts = source._tag === "Parts" ? yield* partsOf(source.parts) : undefined
  return yield* Effect.try({
    try: () => TrustedRoot.fromJSON(text === undefined ? parts : JSON.parse(text)),
    catch: (cause) => new TrustUnavailable({ source: name, problem: "it is not a trusted root (JSON)", cause })
  })
})
