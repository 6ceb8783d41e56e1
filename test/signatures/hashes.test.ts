/** The hashes that keys sign with: what fits the key is accepted in each form of a bundle, and nothing else. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { judge } from "../../src/signatures/check/judge.ts"
import { signingKey } from "../../src/testing/index.ts"

const reference = { registry: "r.test", repository: "app" }
const artifact = Buffer.from('{"schemaVersion":2}')
const hex = createHash("sha256").update(artifact).digest("hex")
const document = { digest: `sha256:${hex}`, bytes: Effect.succeed(artifact) }
const type = "application/vnd.in-toto+json"
const payload = Buffer.from(
  JSON.stringify({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { sha256: hex } }],
    predicateType: "https://example.test/é",
    predicate: {}
  })
)
const encoded = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload])

const outcomeOf = (publicKey: string, content: object) => {
  const bundle = {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint: "" }, tlogEntries: [] },
    ...content
  }
  const candidate = { _tag: "Bundle", name: "a bundle", text: JSON.stringify(bundle) } as const
  const requirement = { _tag: "Keys", keys: [{ name: "the key", content: publicKey }] } as const
  return Effect.runPromise(judge(candidate, requirement, document, reference))
}

const statement = (signature: Buffer) => ({
  dsseEnvelope: {
    payload: payload.toString("base64"),
    payloadType: type,
    signatures: [{ sig: signature.toString("base64") }]
  }
})

type Hash = "sha256" | "sha384" | "sha512"
const names = { sha256: "SHA2_256", sha384: "SHA2_384", sha512: "SHA2_512" } as const

/** `digestBy`: of its digest, which cosign makes with SHA-256 whatever it signs with. */
const message = (signature: Buffer, digestBy: Hash = "sha256", of = artifact) => ({
  messageSignature: {
    messageDigest: { algorithm: names[digestBy], digest: createHash(digestBy).update(of).digest("base64") },
    signature: signature.toString("base64")
  }
})

describe.each([
  ["P-256", "sha256", true],
  ["P-256", "sha384", false],
  ["P-384", "sha256", true],
  ["P-384", "sha384", true],
  ["P-384", "sha512", false],
  ["RSA", "sha256", true],
  ["RSA", "sha384", false],
  ["Ed25519", null, true]
] as const)("a signature by %s with the hash %s", (keyType, hash, isRight) => {
  const { privateKey, publicKey } = signingKey(keyType)
  const expected = { _tag: isRight ? "Verified" : "Rejected" }

  test("of a statement", async () => {
    expect(await outcomeOf(publicKey, statement(sign(hash, encoded, privateKey)))).toMatchObject(expected)
  })

  test("of the document", async () => {
    expect(await outcomeOf(publicKey, message(sign(hash, artifact, privateKey)))).toMatchObject(expected)
  })

  test("of something else is rejected", async () => {
    const other = sign(hash, Buffer.from("other"), privateKey)
    const rejected = { _tag: "Rejected" }
    expect(await outcomeOf(publicKey, statement(other))).toMatchObject(rejected)
    expect(await outcomeOf(publicKey, message(other))).toMatchObject(rejected)
    expect(await outcomeOf(publicKey, message(other, "sha256", Buffer.from("other")))).toMatchObject(rejected)
  })

  test("by another key is rejected", async () => {
    const { publicKey: another } = signingKey(keyType)
    expect(await outcomeOf(another, statement(sign(hash, encoded, privateKey)))).toMatchObject({ _tag: "Rejected" })
    expect(await outcomeOf(another, message(sign(hash, artifact, privateKey)))).toMatchObject({ _tag: "Rejected" })
  })
})

test.each(["sha256", "sha384", "sha512"] as const)(
  "a message with a digest by %s is of the document, or of another",
  async (by) => {
    const { privateKey, publicKey } = signingKey("P-384")
    const signature = sign("sha384", artifact, privateKey)
    expect(await outcomeOf(publicKey, message(signature, by))).toMatchObject({ _tag: "Verified" })
    const other = message(signature, by, Buffer.from("other"))
    expect(await outcomeOf(publicKey, other)).toEqual({ _tag: "Rejected", problem: "it is of another image" })
  }
)

test("a message whose digest is by a hash that is not supported is rejected", async () => {
  const { privateKey, publicKey } = signingKey()
  const { messageSignature } = message(sign("sha256", artifact, privateKey))
  const messageDigest = { ...messageSignature.messageDigest, algorithm: "SHA3_256" }
  const outcome = await outcomeOf(publicKey, { messageSignature: { ...messageSignature, messageDigest } })
  expect(outcome).toMatchObject({ _tag: "Rejected", problem: expect.stringContaining("hash") })
})

test("a message that was hashed before Ed25519 signed it is rejected, and the variant is named", async () => {
  const { privateKey, publicKey } = signingKey("Ed25519")
  const hashed = sign(null, createHash("sha512").update(artifact).digest(), privateKey)
  expect(await outcomeOf(publicKey, message(hashed, "sha512"))).toMatchObject({
    _tag: "Rejected",
    problem: expect.stringContaining("Ed25519ph")
  })
})

test.each([
  ["RSA of 1024 bits", () => generateKeyPairSync("rsa", { modulusLength: 1024 })],
  ["P-521", () => generateKeyPairSync("ec", { namedCurve: "P-521" })],
  ["Ed448", () => generateKeyPairSync("ed448")]
])("a key of another kind is none of a rule: %s", async (_, generate) => {
  const { publicKey } = generate() as { readonly publicKey: KeyObject }
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString()
  await expect(outcomeOf(pem, statement(Buffer.alloc(8)))).rejects.toMatchObject({ _tag: "TrustUnavailable" })
})
