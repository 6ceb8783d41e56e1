/**
 * An authority that vouches for identities, for tests of rules that name one: certificates, a log of them, a transparency log
 * and a trusted root, all in this process. It needs the package `@sigstore/mock`.
 */
import { createHash, generateKeyPairSync, randomUUID } from "node:crypto"
import type { CA } from "@sigstore/mock/dist/fulcio/ca.js"
import type { TLog } from "@sigstore/mock/dist/rekor/tlog.js"
import { signBytes } from "./Signer.ts"

export interface AuthorityOptions {
  /** What the transparency log's clock says. Default: now. A certificate is valid for ten minutes. */
  readonly loggedAt?: Date
  /** Whether entries have the log's promise, which tells when they were made. Default: true. */
  readonly promises?: boolean
}

/** For whom a certificate is. */
export interface Identity {
  readonly identity: string
  readonly issuer: string
}

/** What a bundle has beside the signature. */
export interface SignedMaterial {
  readonly signature: Uint8Array
  readonly certificate: { readonly rawBytes: string }
  readonly tlogEntries: ReadonlyArray<unknown>
}

export interface Authority {
  /** JSON, to be written to the file that a rule names. */
  readonly trustedRoot: string
  /** Signs bytes with a new key, and a certificate for it. `payload`: what an envelope holds, if the bytes are of one. */
  readonly sign: (bytes: Uint8Array, options: Identity & { readonly payload?: Uint8Array }) => Promise<SignedMaterial>
  /** The annotations that cosign's tag scheme has for the same. */
  readonly annotate: (payload: Uint8Array, identity: Identity) => Promise<Readonly<Record<string, string>>>
}

const base64 = (bytes: Uint8Array | ArrayBufferView) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")
const hex = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")
const pemOf = (der: string) =>
  `-----BEGIN CERTIFICATE-----\n${der.replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`

const issuerExtension = "1.3.6.1.4.1.57264.1.8"
const always = { start: "1970-01-01T00:00:00Z" }
const logAddress = "https://rekor.sigstore.test"

const publicKey = (der: Uint8Array) => ({
  rawBytes: base64(der),
  keyDetails: "PKIX_ECDSA_P256_SHA_256",
  validFor: always
})

const newKeys = () => generateKeyPairSync("ec", { namedCurve: "P-256" })

/** What the log keeps of a signature. */
const entryOf = (signed: Uint8Array, signature: Uint8Array, certificate: string, payload: Uint8Array | undefined) =>
  payload === undefined
    ? {
        apiVersion: "0.0.1",
        kind: "hashedrekord",
        spec: {
          data: { hash: { algorithm: "sha256", value: hex(signed) } },
          signature: { content: base64(signature), publicKey: { content: certificate } }
        }
      }
    : {
        apiVersion: "0.0.1",
        kind: "dsse",
        spec: {
          payloadHash: { algorithm: "sha256", value: hex(payload) },
          signatures: [{ signature: base64(signature), verifier: certificate }]
        }
      }

/** As Rekor answers. */
interface Logged {
  readonly body: string
  readonly integratedTime: number
  readonly logIndex: number
  readonly logID: string
  readonly verification: {
    readonly signedEntryTimestamp: string
    readonly inclusionProof: {
      readonly logIndex: number
      readonly treeSize: number
      readonly rootHash: string
      readonly checkpoint: string
    }
  }
}

const logged = async (log: TLog, entry: ReturnType<typeof entryOf>): Promise<Logged> => {
  const [made] = Object.values((await log.log(entry)) as Readonly<Record<string, Logged>>)
  if (made === undefined) throw new Error(`the log has made no entry ${randomUUID()}`)
  return made
}

const certificateFor = async (ca: CA, { identity, issuer }: Identity) => {
  const keys = newKeys()
  const certificate = await ca.issueCertificate({
    publicKey: keys.publicKey.export({ type: "spki", format: "der" }),
    subjectAltName: identity,
    extensions: [{ oid: issuerExtension, value: issuer }]
  })
  return { key: keys.privateKey, certificate: base64(certificate) }
}

/** A new authority with keys of its own. */
export const makeAuthority = async ({ loggedAt, promises = true }: AuthorityOptions = {}): Promise<Authority> => {
  const { initializeCA, initializeCTLog } = await import("@sigstore/mock/dist/fulcio/index.js")
  const { initializeTLog } = await import("@sigstore/mock/dist/rekor/index.js")
  const certificateLog = await initializeCTLog(newKeys())
  const ca = await initializeCA(newKeys(), certificateLog)
  const log = await initializeTLog(logAddress, newKeys(), loggedAt)
  const trustedRoot = {
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    tlogs: [
      {
        baseUrl: logAddress,
        hashAlgorithm: "SHA2_256",
        publicKey: publicKey(log.publicKey),
        logId: { keyId: createHash("sha256").update(log.publicKey).digest("base64") }
      }
    ],
    certificateAuthorities: [
      {
        subject: { organization: "sigstore.test", commonName: "sigstore" },
        uri: "https://fulcio.sigstore.test",
        certChain: { certificates: [{ rawBytes: base64(ca.rootCertificate) }] },
        validFor: always
      }
    ],
    ctlogs: [
      {
        baseUrl: "https://ctfe.sigstore.test",
        hashAlgorithm: "SHA2_256",
        publicKey: publicKey(certificateLog.publicKey),
        logId: { keyId: base64(certificateLog.logID) }
      }
    ],
    timestampAuthorities: []
  }
  const signed = async (bytes: Uint8Array, identity: Identity, payload?: Uint8Array) => {
    const { key, certificate } = await certificateFor(ca, identity)
    const signature = signBytes(key, bytes)
    const pem = Buffer.from(pemOf(certificate)).toString("base64")
    const entry = entryOf(bytes, signature, pem, payload)
    return { signature, certificate, entry, made: await logged(log, entry) }
  }
  return {
    trustedRoot: JSON.stringify(trustedRoot),
    sign: async (bytes, { payload, ...identity }) => {
      const { signature, certificate, entry, made } = await signed(bytes, identity, payload)
      const { inclusionProof: proof, signedEntryTimestamp } = made.verification
      return {
        signature,
        certificate: { rawBytes: certificate },
        tlogEntries: [
          {
            logIndex: String(made.logIndex),
            logId: { keyId: Buffer.from(made.logID, "hex").toString("base64") },
            kindVersion: { kind: entry.kind, version: entry.apiVersion },
            integratedTime: String(made.integratedTime),
            ...(promises ? { inclusionPromise: { signedEntryTimestamp } } : {}),
            inclusionProof: {
              logIndex: String(proof.logIndex),
              treeSize: String(proof.treeSize),
              rootHash: Buffer.from(proof.rootHash, "hex").toString("base64"),
              hashes: [],
              checkpoint: { envelope: proof.checkpoint }
            },
            canonicalizedBody: made.body
          }
        ]
      }
    },
    annotate: async (payload, identity) => {
      const { signature, certificate, made } = await signed(payload, identity)
      const { body, integratedTime, logIndex, logID } = made
      return {
        "dev.cosignproject.cosign/signature": base64(signature),
        "dev.sigstore.cosign/certificate": pemOf(certificate),
        "dev.sigstore.cosign/bundle": JSON.stringify({
          SignedEntryTimestamp: made.verification.signedEntryTimestamp,
          Payload: { body, integratedTime, logIndex, logID }
        })
      }
    }
  }
}
