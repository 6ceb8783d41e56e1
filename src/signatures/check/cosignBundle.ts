/**
 * A signature of cosign's tag scheme with its certificate, log entry and timestamp in annotations, as the Sigstore bundle that
 * would hold the same (bundle v0.1): so one library checks both.
 */
import { createHash, X509Certificate } from "node:crypto"
import type { SimpleSigning } from "../gather/Candidate.ts"

const certificates = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g

/** DER of each certificate of a PEM text. */
export const certificatesIn = (pem: string): ReadonlyArray<Buffer> =>
  (pem.match(certificates) ?? []).map((it) => new X509Certificate(it).raw)

interface LogEntry {
  readonly SignedEntryTimestamp?: unknown
  readonly Payload?: {
    readonly body?: unknown
    readonly integratedTime?: unknown
    readonly logIndex?: unknown
    readonly logID?: unknown
  }
}

const logEntryOf = (text: string) => {
  const { SignedEntryTimestamp, Payload = {} } = JSON.parse(text) as LogEntry
  const body = String(Payload.body)
  const { kind, apiVersion } = JSON.parse(Buffer.from(body, "base64").toString()) as Readonly<Record<string, unknown>>
  return {
    logIndex: String(Payload.logIndex),
    logId: { keyId: Buffer.from(String(Payload.logID), "hex").toString("base64") },
    kindVersion: { kind: String(kind), version: String(apiVersion) },
    integratedTime: String(Payload.integratedTime),
    inclusionPromise: { signedEntryTimestamp: String(SignedEntryTimestamp) },
    canonicalizedBody: body
  }
}

const timestampsOf = (text: string | undefined) =>
  text === undefined
    ? []
    : [{ signedTimestamp: String((JSON.parse(text) as Readonly<Record<string, unknown>>).SignedRFC3161Timestamp) }]

/** Throws where an annotation cannot be read. */
export const bundleOf = ({ payload, signature, certificate, logEntry, timestamp }: SimpleSigning): unknown => ({
  mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1",
  verificationMaterial: {
    ...(certificate === undefined
      ? { publicKey: { hint: "" } }
      : {
          x509CertificateChain: {
            certificates: certificatesIn(certificate).map((raw) => ({ rawBytes: raw.toString("base64") }))
          }
        }),
    tlogEntries: logEntry === undefined ? [] : [logEntryOf(logEntry)],
    timestampVerificationData: { rfc3161Timestamps: timestampsOf(timestamp) }
  },
  messageSignature: {
    messageDigest: {
      algorithm: "SHA2_256",
      digest: createHash("sha256").update(Buffer.from(payload, "base64")).digest("base64")
    },
    signature
  }
})
