/** Signatures with a certificate: identity, issuer, chain, logs and time, each right and wrong, by a trusted root from a file. */
import { generateKeyPairSync } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import {
  type Authority,
  attest,
  bundleReferrer,
  makeAuthority,
  type SignOptions,
  sign,
  startRegistry,
  type TestSignature
} from "../../src/testing/index.ts"
import { open } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"
import { anyOf, bundleIn, index, layersAsked, other, platform, put, single } from "./support.ts"

const issuer = "https://token.actions.githubusercontent.com"
const identity = "https://github.com/org/app/.github/workflows/release.yml@refs/tags/v1"
const by = (authority: Authority) => ({ authority, issuer, identity })

let directory: string
let authority: Authority
/** Of the right authority, and of one that nobody trusts. */
let trustedRoot: string
let foreignRoot: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ociflow-roots-"))
  authority = await makeAuthority()
  trustedRoot = join(directory, "trusted_root.json")
  foreignRoot = join(directory, "foreign.json")
  await writeFile(trustedRoot, authority.trustedRoot)
  await writeFile(foreignRoot, (await makeAuthority()).trustedRoot)
})
afterAll(() => rm(directory, { recursive: true }))

const forms = ["tag", "bundle", "message"] as const satisfies ReadonlyArray<NonNullable<SignOptions["as"]>>

describe.each(forms)("a signature as %s", (as) => {
  test("of the identity is proven, with what the log says of it", async () => {
    await using registry = await startRegistry({ images: { "app:1": index } })
    put(registry, "app", await sign(index, { ...by(authority), as }))
    await using oci = await open({ verify: anyOf(registry, { issuer, identity, trustedRoot }) })
    const { verified } = await oci.pull(registry.reference("app:1"), { platform })
    expect(verified).toMatchObject([
      {
        signer: identity,
        issuer,
        digest: index.digest,
        logIndex: expect.any(Number),
        integratedTime: expect.stringMatching(/^20/)
      }
    ])
  })

  test.each([
    ["an expression that fits", issuer, /^https:\/\/github\.com\/org\/app\//],
    ["expressions that remember where they were", /actions/g, /org\/app/g]
  ])("satisfies %s", async (_, issuer, identity) => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", await sign(single, { ...by(authority), as }))
    await using oci = await open({ verify: anyOf(registry, { issuer, identity, trustedRoot }) })
    for (const policy of ["always", "always"] as const)
      expect((await oci.pull(registry.reference("app:1"), { platform, policy })).verified).toHaveLength(1)
  })

  test.each([
    ["another identity", issuer, identity.replace("v1", "v2")],
    ["the beginning of the identity", issuer, identity.slice(0, -3)],
    ["another issuer", "https://accounts.google.com", identity],
    ["an expression that does not fit", issuer, /^https:\/\/github\.com\/evil\//]
  ])("is of somebody else than %s", async (_, issuer, wanted) => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", await sign(single, { ...by(authority), as }))
    await using oci = await open({ verify: anyOf(registry, { issuer, identity: wanted, trustedRoot }) })
    const reason = await reasonOf(oci.pull(registry.reference("app:1"), { platform }))
    expect(reason).toMatchObject({ _tag: "IdentityMismatch", found: [`${identity} (${by(authority).issuer})`] })
    expect(layersAsked(registry, single)).toBe(0)
  })

  test("by an authority that the root does not name is rejected", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", await sign(single, { ...by(authority), as }))
    await using oci = await open({ verify: anyOf(registry, { issuer, identity, trustedRoot: foreignRoot }) })
    expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform }))).toMatchObject({
      _tag: "SignatureRejected"
    })
  })

  test("whose certificate had expired when the log took it is rejected", async () => {
    const late = await makeAuthority({ loggedAt: new Date(Date.now() + 3_600_000) })
    const root = join(directory, `late-${as}.json`)
    await writeFile(root, late.trustedRoot)
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", await sign(single, { ...by(late), as }))
    await using oci = await open({ verify: anyOf(registry, { issuer, identity, trustedRoot: root }) })
    const reason = await reasonOf(oci.pull(registry.reference("app:1"), { platform }))
    expect(reason).toMatchObject({ _tag: "SignatureRejected" })
    expect(reason.message).toMatch(/certificate/i)
  })

  test("of another image is rejected under this one's name", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    const signature = await sign(other, { ...by(authority), as })
    if (as === "tag") registry.add(`app:${single.digest.replace(":", "-")}.sig`, signature)
    else put(registry, "app", bundleReferrer(single, await bundleIn(signature)))
    await using oci = await open({ verify: anyOf(registry, { issuer, identity, trustedRoot }) })
    expect((await reasonOf(oci.pull(registry.reference("app:1"), { platform }))).message).toMatch(/another image/)
  })

  test("with a certificate is none of a key's", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", await sign(single, { ...by(authority), as }))
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    const key = publicKey.export({ type: "spki", format: "pem" }).toString()
    await using oci = await open({ verify: anyOf(registry, { key }) })
    expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform }))).toMatchObject({
      _tag: "SignatureRejected"
    })
  })
})

// biome-ignore lint/suspicious/noExplicitAny: JSON that is made wrong in any place.
type Json = any

const changed = (bundle: Json, change: (bundle: Json) => void): Json => {
  const copy = structuredClone(bundle)
  change(copy)
  return copy
}

describe("a bundle", () => {
  let good: TestSignature
  let bundle: Json
  let another: Json
  beforeAll(async () => {
    good = await sign(single, { ...by(authority), as: "bundle" })
    bundle = await bundleIn(good)
    another = await bundleIn(await sign(single, { ...by(authority), as: "bundle" }))
  })

  const reasonFor = async (wrong: Json, requirement = { issuer, identity, trustedRoot }) => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", bundleReferrer(single, wrong))
    await using oci = await open({ verify: anyOf(registry, requirement) })
    return await reasonOf(oci.pull(registry.reference("app:1"), { platform }))
  }

  const material = "verificationMaterial"
  const wrong: ReadonlyArray<readonly [string, (bundle: Json) => void]> = [
    ["with the log's entry of another signature", (it) => (it[material].tlogEntries = another[material].tlogEntries)],
    ["without an entry of a log", (it) => (it[material].tlogEntries = [])],
    ["without a proof", (it) => delete it[material].tlogEntries[0].inclusionProof],
    ["without a time", (it) => delete it[material].tlogEntries[0].inclusionPromise],
    ["whose time was changed", (it) => (it[material].tlogEntries[0].integratedTime = "1700000000")],
    ["whose index was changed", (it) => (it[material].tlogEntries[0].logIndex = "7")],
    [
      "whose proof was changed",
      (it) => it[material].tlogEntries[0].inclusionProof.hashes.push(Buffer.alloc(32).toString("base64"))
    ],
    [
      "whose checkpoint has another root hash",
      (it) => {
        const { checkpoint } = it[material].tlogEntries[0].inclusionProof
        checkpoint.envelope = checkpoint.envelope.replace(/\n1\n\S+\n/, `\n1\n${Buffer.alloc(32).toString("base64")}\n`)
      }
    ],
    ["with the certificate of another signature", (it) => (it[material].certificate = another[material].certificate)],
    [
      "whose payload was changed",
      (it) =>
        (it.dsseEnvelope.payload = Buffer.from(
          Buffer.from(it.dsseEnvelope.payload, "base64").toString().replace("{}", "{ }")
        ).toString("base64"))
    ],
    ["whose signature was changed", (it) => (it.dsseEnvelope.signatures = another.dsseEnvelope.signatures)],
    ["with another type of payload", (it) => (it.dsseEnvelope.payloadType = "text/plain")],
    [
      "with two signatures in one envelope",
      (it) => it.dsseEnvelope.signatures.push(another.dsseEnvelope.signatures[0])
    ],
    ["without an envelope", (it) => delete it.dsseEnvelope],
    ["without material", (it) => delete it[material]],
    ["of an unknown version", (it) => (it.mediaType = "application/x")],
    [
      "with more entries than anybody needs",
      (it) => (it[material].tlogEntries = Array(5000).fill(it[material].tlogEntries[0]))
    ],
    [
      "whose checkpoint has an expression for a name",
      (it) => {
        const { checkpoint } = it[material].tlogEntries[0].inclusionProof
        checkpoint.envelope = checkpoint.envelope.replace(/\u2014 \S+/, "\u2014 (.*)*(.*)*(.*)*(.*)*(.*)*(.*)*(.*)*x")
      }
    ]
  ]
  test.each(wrong)("%s is rejected", async (_, change) => {
    expect(await reasonFor(changed(bundle, change))).toMatchObject({ _tag: "SignatureRejected" })
  })

  test("that is another kind of JSON is rejected", async () => {
    for (const value of ["", "{", null, [], 7, { mediaType: bundle.mediaType }])
      expect(await reasonFor(value), JSON.stringify(value)).toMatchObject({ _tag: "SignatureRejected" })
  })

  test("with nothing changed is right", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(
      registry,
      "app",
      bundleReferrer(
        single,
        changed(bundle, () => {})
      )
    )
    await using oci = await open({ verify: anyOf(registry, { issuer, identity, trustedRoot }) })
    expect((await oci.pull(registry.reference("app:1"), { platform })).verified).toHaveLength(1)
  })

  test.each([
    ["that is missing", undefined],
    ["that is no JSON", "hello"],
    ["whose keys cannot be read", '{"tlogs":[{"publicKey":{"rawBytes":"AAAA"},"logId":{"keyId":"AAAA"}}]}']
  ])("cannot be judged with a trusted root %s", async (_, content) => {
    const path = join(directory, `root-${content?.length ?? 0}.json`)
    if (content !== undefined) await writeFile(path, content)
    expect(await reasonFor(bundle, { issuer, identity, trustedRoot: path })).toMatchObject({
      _tag: "TrustUnavailable",
      source: path
    })
  })
})

describe("an attestation", () => {
  const predicateType = "https://slsa.dev/provenance/v1"
  const predicate = { buildDefinition: { buildType: "https://actions.github.io/buildtypes/workflow/v1" } }

  test("hands on its type and what it says", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", await attest(single, { ...by(authority), predicateType, predicate }))
    await using oci = await open({ verify: anyOf(registry, { issuer, identity, trustedRoot, predicateType }) })
    const { verified } = await oci.pull(registry.reference("app:1"), { platform })
    expect(verified).toMatchObject([{ kind: "dsse", predicateType, predicate }])
  })

  test("of another type is not the one that is asked for", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", await attest(single, { ...by(authority), predicateType: "https://spdx.dev/Document" }))
    await using oci = await open({ verify: anyOf(registry, { issuer, identity, trustedRoot, predicateType }) })
    const reason = await reasonOf(oci.pull(registry.reference("app:1"), { platform }))
    expect(reason).toMatchObject({ _tag: "SignatureRejected" })
    expect(reason.message).toContain("https://spdx.dev/Document")
  })
})

test("a signature of Notation is not implemented, which is told by name", async () => {
  await using registry = await startRegistry({ images: { "app:1": single } })
  put(registry, "app", bundleReferrer(single, {}, { artifactType: "application/vnd.cncf.notary.signature" }))
  await using oci = await open({ verify: anyOf(registry, { issuer, identity, trustedRoot }) })
  const reason = await reasonOf(oci.pull(registry.reference("app:1"), { platform }))
  expect(reason).toMatchObject({ _tag: "NotImplemented" })
  expect(reason.message).toContain("Notation")
})

test("a trusted root that TUF cannot get says nothing of the image", async () => {
  await using registry = await startRegistry({ images: { "app:1": single } })
  put(registry, "app", await sign(single, { ...by(authority), as: "bundle" }))
  const tuf = { mirrorUrl: `${registry.origin}/tuf`, root: trustedRoot, cache: join(directory, "tuf") }
  await using oci = await open({ verify: anyOf(registry, { issuer, identity, tuf }) })
  expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform }))).toMatchObject({
    _tag: "TrustUnavailable",
    source: "TUF"
  })
})
