/** Checks Sigstore bundles with Sigstore's own packages, which are loaded with the first one. */
import type { KeyObject } from "node:crypto"
import type { Bundle, TransparencyLogEntry } from "@sigstore/bundle"
import type { SignedEntity, Signer, TrustMaterial } from "@sigstore/verify"
import * as Effect from "effect/Effect"
import { messageOf } from "../../api/codeOf.ts"
import { printable, type Reason, TrustUnavailable } from "../../api/errors.ts"
import type { TrustedRootSource } from "../rules/Rule.ts"
import { isSignedBy } from "./keys.ts"
import { loadBundle, loadVerify } from "./packages.ts"
import { readTrustedRoot } from "./trustedRoot.ts"

/** Entries of a log, or timestamps, of one bundle: each is compared with each, and has signatures to check. */
const mostProofs = 16

/** The name in a checkpoint is used as an expression by the library: one with groups or repeats could run for hours. */
const plainName = /^[\w.:/@-]{1,256}$/

/** What is wrong with a bundle before its signatures are looked at. */
const excess = ({ verificationMaterial }: Bundle): string | undefined => {
  const { tlogEntries, timestampVerificationData } = verificationMaterial
  if (tlogEntries.length > mostProofs) return `it has more than ${mostProofs} log entries`
  if ((timestampVerificationData?.rfc3161Timestamps.length ?? 0) > mostProofs)
    return `it has more than ${mostProofs} timestamps`
  const names = tlogEntries.flatMap(({ inclusionProof }) =>
    [...(inclusionProof?.checkpoint?.envelope ?? "").matchAll(/^\u2014 (\S+)/gm)].map(([, name = ""]) => name)
  )
  return names.every((name) => plainName.test(name)) ? undefined : "a checkpoint has a name that no log has"
}

/** Reads a bundle. Gives the problem as a text if it cannot be read. */
export const readBundle = Effect.fnUntraced(function* (read: () => unknown): Effect.fn.Return<Bundle | string, Reason> {
  const { bundleFromJSON } = yield* loadBundle
  return yield* Effect.sync(() => {
    try {
      const bundle = bundleFromJSON(read())
      return excess(bundle) ?? bundle
    } catch (error) {
      return `it is not a Sigstore bundle: ${printable(messageOf(error), 200)}`
    }
  })
})

const noRoot: Omit<TrustMaterial, "publicKey"> = {
  certificateAuthorities: [],
  timestampAuthorities: [],
  tlogs: [],
  ctlogs: []
}

const materialOf = Effect.fnUntraced(function* (source: TrustedRootSource | undefined, key: KeyObject | undefined) {
  const { toTrustMaterial } = yield* loadVerify
  const publicKey = () => {
    if (key === undefined) throw new Error("it was made with a key, not with a certificate")
    return { publicKey: key, validFor: () => true }
  }
  if (source === undefined) return { ...noRoot, publicKey }
  const root = yield* readTrustedRoot(source)
  const name = source._tag === "File" ? source.file.name : source._tag === "Tuf" ? "TUF" : "the policy"
  return yield* Effect.try({
    try: (): TrustMaterial => ({ ...toTrustMaterial(root), publicKey }),
    catch: (cause) => new TrustUnavailable({ source: name, problem: "its keys or certificates cannot be read", cause })
  })
})

/** What the signature of a bundle is of: of a statement with its type (DSSE, protocol.md, "PAE"). */
const signedBytes = ({ content }: Bundle, artifact: Uint8Array | undefined): Uint8Array => {
  if (content.$case === "messageSignature") return artifact ?? new Uint8Array()
  const { payloadType, payload } = content.dsseEnvelope
  const type = Buffer.from(payloadType)
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload])
}

type SignatureContent = SignedEntity["signature"]

/**
 * The same, where any hash counts that fits the key. The library takes SHA-256 for each statement, and the hash of its digest for
 * each message, which no key of Ed25519 takes.
 */
const withHashesOfKeys = (content: SignatureContent, signed: Uint8Array): SignatureContent =>
  Object.create(content, {
    verifySignature: {
      value: (key: KeyObject) => content.verifySignature(key) || isSignedBy(key, signed, content.signature)
    }
  })

export interface Signed {
  readonly bundle: Bundle
  /** What a message signature is of. */
  readonly artifact: Uint8Array | undefined
  readonly root: TrustedRootSource | undefined
  /** The key for a bundle without a certificate. */
  readonly key: KeyObject | undefined
}

/**
 * Signature; with a certificate its chain, its validity at a proven time, the entry in the certificate log, the entry in the
 * transparency log. A key alone needs no log unless a root is given. Fails with a text that says which check failed.
 */
export const verifyBundle = Effect.fnUntraced(function* ({
  bundle,
  artifact,
  root,
  key
}: Signed): Effect.fn.Return<Signer | string, Reason> {
  const { toSignedEntity, Verifier } = yield* loadVerify
  const material = yield* materialOf(root, key)
  const byKey = key !== undefined
  const mayBeHashed = key?.asymmetricKeyType === "ed25519" && bundle.content.$case === "messageSignature"
  const isPolicy = root?._tag === "Parts"
  const options = {
    // A policy names no certificate logs, and podman asks for none.
    ctlogThreshold: byKey || isPolicy ? 0 : 1,
    tlogThreshold: root === undefined ? 0 : 1,
    timestampThreshold: byKey ? 0 : 1
  }
  // Without a root there is nobody to check the entries of a log with, and none is asked for.
  const entries: ReadonlyArray<TransparencyLogEntry> = root === undefined ? [] : bundle.verificationMaterial.tlogEntries
  return yield* Effect.sync(() => {
    try {
      const entity = toSignedEntity(bundle, artifact === undefined ? undefined : Buffer.from(artifact))
      const signature = withHashesOfKeys(entity.signature, signedBytes(bundle, artifact))
      const proofs = root === undefined ? { tlogEntries: [], timestamps: [] } : { tlogEntries: [...entries] }
      const judged = { ...entity, signature, ...proofs }
      return new Verifier(material, options).verify(judged)
    } catch (error) {
      return printable(messageOf(error), 300) + (mayBeHashed ? " (Ed25519ph is not supported)" : "")
    }
  })
})
