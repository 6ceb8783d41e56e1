/** Public keys: read from PEM, and what was signed by one. */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto"
import * as Effect from "effect/Effect"
import { TrustUnavailable } from "../../api/errors.ts"
import type { TrustFile } from "../rules/Rule.ts"
import { readTrust } from "./readTrust.ts"

const publicKeys = /-----BEGIN (?:RSA )?PUBLIC KEY-----[\s\S]*?-----END (?:RSA )?PUBLIC KEY-----/g

/** Shorter ones can be broken. */
const leastBits = 2048

/** The hashes that a key signs with: cosign takes SHA-256 for any key, others the one that fits the curve. */
const hashesOf = (key: KeyObject): ReadonlyArray<string | null> | undefined => {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return [null]
    case "rsa":
      return modulusLength >= leastBits ? ["sha256"] : undefined
    case "ec":
      return namedCurve === "prime256v1" ? ["sha256"] : namedCurve === "secp384r1" ? ["sha256", "sha384"] : undefined
    default:
      return undefined
  }
}

const keyOf = (name: string, pem: string): Effect.Effect<KeyObject, TrustUnavailable> =>
  Effect.try({
    try: () => createPublicKey(pem),
    catch: (cause) => new TrustUnavailable({ source: name, problem: "it has a public key that cannot be read", cause })
  }).pipe(
    Effect.filterOrFail(
      (key) => hashesOf(key) !== undefined,
      ({ asymmetricKeyType }) =>
        new TrustUnavailable({
          source: name,
          problem: `its key is of a kind that is not supported (${asymmetricKeyType}): use ECDSA P-256 or P-384, RSA of ${leastBits} bits or more, or Ed25519`
        })
    )
  )

/** All keys of a file. Fails where it has none. */
export const readKeys = Effect.fnUntraced(function* (file: TrustFile) {
  const text = yield* readTrust(file)
  const found = text.match(publicKeys) ?? []
  if (found.length === 0) {
    const problem = /PRIVATE KEY/.test(text)
      ? "it has a private key; give the public one"
      : "it has no public key (PEM)"
    return yield* new TrustUnavailable({ source: file.name, problem })
  }
  return yield* Effect.forEach(found, (pem) => keyOf(file.name, pem))
})

/** `sha256:` and the hash of its DER form (SubjectPublicKeyInfo). */
export const fingerprintOf = (key: KeyObject): string =>
  `sha256:${createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex")}`

export const isSignedBy = (key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean =>
  (hashesOf(key) ?? []).some((hash) => {
    try {
      return verify(hash, bytes, key, signature)
    } catch {
      return false
    }
  })
