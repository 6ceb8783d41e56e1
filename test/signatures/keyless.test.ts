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

/** What JSON has at a path: `a.0.b`. */
const at = (json: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>((it, key) => Reflect.get(Object(it), key), json)

const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

/** Of what is there, what is to be there; `undefined`: nothing. */
type Change = (before: unknown) => unknown

const changed = (json: unknown, path: string, change: Change): unknown => {
  const copy: unknown = structuredClone(json)
  const cut = path.lastIndexOf(".")
  const [parent, key] = [Object(cut === -1 ? copy : at(copy, path.slice(0, cut))), path.slice(cut + 1)]
  const after = change(Reflect.get(parent, key))
  if (after === undefined) Reflect.deleteProperty(parent, key)
  else Reflect.set(parent, key, after)
  return copy
}
const gone: Change = () => undefined

describe("a bundle", () => {
  let good: TestSignature
  let bundle: unknown
  let another: unknown
  beforeAll(async () => {
    good = await sign(single, { ...by(authority), as: "bundle" })
    bundle = await bundleIn(good)
    another = await bundleIn(await sign(single, { ...by(authority), as: "bundle" }))
  })

  const reasonFor = async (wrong: unknown, requirement = { issuer, identity, trustedRoot }) => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", bundleReferrer(single, wrong))
    await using oci = await open({ verify: anyOf(registry, requirement) })
    return await reasonOf(oci.pull(registry.reference("app:1"), { platform }))
  }

  const entries = "verificationMaterial.tlogEntries"
  const proof = `${entries}.0.inclusionProof`
  const certificate = "verificationMaterial.certificate"
  const signatures = "dsseEnvelope.signatures"
  const zeros = Buffer.alloc(32).toString("base64")
  const wrong: ReadonlyArray<readonly [string, string, Change]> = [
    ["with the log's entry of another signature", entries, () => at(another, entries)],
    ["without an entry of a log", entries, () => []],
    ["without a proof", proof, gone],
    ["without a time", `${entries}.0.inclusionPromise`, gone],
    ["whose time was changed", `${entries}.0.integratedTime`, () => "1700000000"],
    ["whose index was changed", `${entries}.0.logIndex`, () => "7"],
    ["whose proof was changed", `${proof}.hashes`, (it) => [...list(it), zeros]],
    [
      "whose checkpoint has another root hash",
      `${proof}.checkpoint.envelope`,
      (it) => String(it).replace(/\n1\n\S+\n/, `\n1\n${zeros}\n`)
    ],
    ["with the certificate of another signature", certificate, () => at(another, certificate)],
    [
      "whose payload was changed",
      "dsseEnvelope.payload",
      (it) => Buffer.from(Buffer.from(String(it), "base64").toString().replace("{}", "{ }")).toString("base64")
    ],
    ["whose signature was changed", signatures, () => at(another, signatures)],
    ["with another type of payload", "dsseEnvelope.payloadType", () => "text/plain"],
    ["with two signatures in one envelope", signatures, (it) => [...list(it), at(another, `${signatures}.0`)]],
    ["without an envelope", "dsseEnvelope", gone],
    ["without material", "verificationMaterial", gone],
    ["of an unknown version", "mediaType", () => "application/x"],
    ["with more entries than anybody needs", entries, (it) => Array(5000).fill(list(it)[0])],
    [
      "whose checkpoint has an expression for a name",
      `${proof}.checkpoint.envelope`,
      (it) => String(it).replace(/\u2014 \S+/, "\u2014 (.*)*(.*)*(.*)*(.*)*(.*)*(.*)*(.*)*x")
    ]
  ]
  test.each(wrong)("%s is rejected", async (_, path, change) => {
    const broken = changed(bundle, path, change)
    expect(broken).not.toEqual(bundle)
    expect(await reasonFor(broken)).toMatchObject({ _tag: "SignatureRejected" })
  })

  test("that is another kind of JSON is rejected", async () => {
    for (const value of ["", "{", null, [], 7, { mediaType: at(bundle, "mediaType") }])
      expect(await reasonFor(value), JSON.stringify(value)).toMatchObject({ _tag: "SignatureRejected" })
  })

  test("with nothing changed is right", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", bundleReferrer(single, structuredClone(bundle)))
    await using oci = await open({ verify: anyOf(registry, { issuer, identity, trustedRoot }) })
    expect((await oci.pull(registry.reference("app:1"), { platform })).verified).toHaveLength(1)
  })

  test.each([
    ["that is missing", undefined],
    ["that is not JSON", "hello"],
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

// Notation has trust policies and revocation of its own, which ociflow does not read. Such signatures are reported by name, not treated as absent.
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
