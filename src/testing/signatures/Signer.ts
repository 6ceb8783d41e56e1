/** Who signs: a key, or an identity that an authority vouches for. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto"

export type KeyType = "P-256" | "P-384" | "RSA" | "Ed25519"

export interface SigningKey {
  readonly privateKey: KeyObject
  /** PEM, as the option `key` of a rule takes it. */
  readonly publicKey: string
}

const generate = (type: KeyType) => {
  switch (type) {
    case "P-256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" })
    case "P-384":
      return generateKeyPairSync("ec", { namedCurve: "P-384" })
    case "RSA":
      return generateKeyPairSync("rsa", { modulusLength: 2048 })
    case "Ed25519":
      return generateKeyPairSync("ed25519")
  }
}

/** A new pair of keys. Default: ECDSA P-256, as `cosign generate-key-pair` makes them. */
export const signingKey = (type: KeyType = "P-256"): SigningKey => {
  const { privateKey, publicKey } = generate(type)
  return { privateKey, publicKey: publicKey.export({ type: "spki", format: "pem" }).toString() }
}

/** With SHA-256, unless the key has a hash of its own. */
export const signBytes = (key: KeyObject, bytes: Uint8Array): Buffer =>
  sign(key.asymmetricKeyType === "ed25519" ? null : "sha256", bytes, key)

/** What cosign writes of a key: the hash of its DER form, in base64. */
export const hintOf = (key: KeyObject): string =>
  createHash("sha256")
    .update(createPublicKey(key).export({ type: "spki", format: "der" }))
    .digest("base64")
