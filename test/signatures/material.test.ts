/**
 * Signatures that others made, as data: bundles of Sigstore's conformance suite, and signatures of cosign that podman's library
 * is tested with. `fixtures/*.json` name their sources.
 */
import { createHash } from "node:crypto"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { judge } from "../../src/signatures/check/judge.ts"
import type { Outcome } from "../../src/signatures/check/Outcome.ts"
import type { Requirement, TrustFile } from "../../src/signatures/rules/Rule.ts"
import { readPolicy } from "../../src/signatures/rules/readPolicy.ts"

const read = async (path: string) => JSON.parse(await readFile(new URL(path, import.meta.url), "utf8"))
const conformance = await read("fixtures/conformance.json")
const podman = await read("fixtures/cosign.json")
/** The trusted root of Sigstore's public instance, as the package for TUF ships it. */
const seeds = await read("../../node_modules/@sigstore/tuf/seeds.json")
const publicRoot = Buffer.from(
  seeds["https://tuf-repo-cdn.sigstore.dev"].targets["trusted_root.json"],
  "base64"
).toString()

const file = (content: string): TrustFile => ({ name: "fixture", content })
const reference = { registry: "r.test", repository: "app" }
const beacon =
  "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"

interface Case {
  readonly name: string
  readonly bundle: unknown
  readonly artifact: string
  readonly root?: string
  readonly key?: string
  readonly identity?: string
  readonly issuer?: string
}

const requirementOf = ({ root, key, identity = beacon, issuer }: Case): Requirement => {
  const content = root === undefined ? publicRoot : JSON.stringify(conformance.roots[root])
  const trusted = { _tag: "File", file: file(content) } as const
  if (key !== undefined) return { _tag: "Keys", keys: [file(key)], ...(root === undefined ? {} : { root: trusted }) }
  return { _tag: "Identity", root: trusted, identity, issuer: issuer ?? "https://token.actions.githubusercontent.com" }
}

describe("a bundle of the conformance suite", () => {
  test.each<Case>(conformance.cases)("$name is judged as its name says", async (given) => {
    const artifact = Buffer.from(given.artifact, "base64")
    const digest = `sha256:${createHash("sha256").update(artifact).digest("hex")}`
    const document = { digest, bytes: Effect.succeed(artifact) }
    const candidate = { _tag: "Bundle", name: given.name, text: JSON.stringify(given.bundle) } as const
    const outcome = await Effect.runPromise(judge(candidate, requirementOf(given), document, reference))
    expect(outcome._tag).toBe(given.name.endsWith("_fail") ? "Rejected" : "Verified")
  })

  test("with a certificate that has long expired is right, for the time is proven: of another identity it is not", async () => {
    const given: Case = conformance.cases[0]
    const artifact = Buffer.from(given.artifact, "base64")
    const digest = `sha256:${createHash("sha256").update(artifact).digest("hex")}`
    const candidate = { _tag: "Bundle", name: given.name, text: JSON.stringify(given.bundle) } as const
    const requirement = requirementOf({ ...given, identity: "me@r.test" })
    const document = { digest, bytes: Effect.succeed(artifact) }
    expect(await Effect.runPromise(judge(candidate, requirement, document, reference))).toMatchObject({
      _tag: "OtherSigner",
      found: expect.stringContaining(beacon)
    })
  })
})

const annotated = {
  certificate: "dev.sigstore.cosign/certificate",
  chain: "dev.sigstore.cosign/chain",
  logEntry: "dev.sigstore.cosign/bundle"
} as const

let directory: string
let policies = 0
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ociflow-material-"))
})
afterAll(() => rm(directory, { recursive: true }))

/** Judged by the list of requirements of a policy, of which each has one. */
const byPolicy = async (name: string, fields: object, pulled: object = {}, isPublic = true): Promise<Outcome> => {
  const { payload, annotations } = podman.signatures[name]
  const more = Object.entries(annotated).filter(([, key]) => annotations[key] !== undefined)
  policies += 1
  const policyFile = join(directory, `policy-${policies}.json`)
  await writeFile(policyFile, JSON.stringify({ default: [{ type: "sigstoreSigned", ...fields }] }))
  const trustedRoot = join(directory, "trusted_root.json")
  await writeFile(trustedRoot, publicRoot)
  const rules = await Effect.runPromise(readPolicy({ policyFile, ...(isPublic ? { trustedRoot } : {}) }))
  const rule = rules.get("*")
  const [requirement] = rule?._tag === "Signed" ? rule.requirements : []
  if (requirement === undefined) throw new Error("the policy asks for no signature")
  const { critical } = JSON.parse(Buffer.from(payload, "base64").toString())
  return Effect.runPromise(
    judge(
      {
        _tag: "SimpleSigning",
        name,
        payload,
        signature: annotations["dev.cosignproject.cosign/signature"],
        ...Object.fromEntries(more.map(([field, key]) => [field, annotations[key]]))
      },
      requirement,
      { digest: critical.image["docker-manifest-digest"], bytes: Effect.succeed(new Uint8Array()) },
      { registry: "192.168.64.2:5000", repository: "cosign-signed-single-sample", ...pulled }
    )
  )
}

const data = (text: string) => Buffer.from(text).toString("base64")
const matchRepository = { type: "matchRepository" }

describe("a signature that cosign made, by a policy of podman's form", () => {
  test("with a key", async () => {
    const right = { keyData: data(podman.key), signedIdentity: matchRepository }
    expect(await byPolicy("valid", right)).toMatchObject({ _tag: "Verified", signature: { kind: "simple-signing" } })
    expect(await byPolicy("valid", { ...right, keyData: data(podman.key2) })).toMatchObject({ _tag: "Rejected" })
    expect(
      await byPolicy("valid", { ...right, keyDatas: [data(podman.key2), data(podman.key)], keyData: undefined })
    ).toMatchObject({ _tag: "Verified" })
  })

  test("for a repository, with a tag or without", async () => {
    const key = { keyData: data(podman.key) }
    // The default, matchRepoDigestOrExact: cosign has written no tag.
    expect(await byPolicy("valid", key, { tag: "latest" })).toMatchObject({ _tag: "Rejected" })
    const digest = "sha256:634a8f35b5f16dcf4aaa0822adc0b1964bb786fca12f6831de8ddc45e5986a00"
    expect(await byPolicy("valid", key, { digest })).toMatchObject({ _tag: "Verified" })
    expect(await byPolicy("valid", key, { digest, repository: "other" })).toMatchObject({ _tag: "Rejected" })
    const repository = "skopeo-signed"
    expect(await byPolicy("withTag", key, { repository, tag: "tag" })).toMatchObject({ _tag: "Verified" })
    expect(await byPolicy("withTag", key, { repository, tag: "other" })).toMatchObject({ _tag: "Rejected" })
    const exact = { type: "exactReference", dockerReference: "192.168.64.2:5000/skopeo-signed:tag" }
    expect(await byPolicy("withTag", { ...key, signedIdentity: exact })).toMatchObject({ _tag: "Verified" })
    const remap = { type: "remapIdentity", prefix: "mirror.test/a", signedPrefix: "192.168.64.2:5000" }
    const mirrored = { registry: "mirror.test", repository: "a/skopeo-signed", tag: "tag" }
    expect(await byPolicy("withTag", { ...key, signedIdentity: remap }, mirrored)).toMatchObject({ _tag: "Verified" })
    expect(
      await byPolicy("withTag", { ...key, signedIdentity: remap }, { ...mirrored, repository: "ab/skopeo-signed" })
    ).toMatchObject({ _tag: "Rejected" })
  })

  test("with a key and a log", async () => {
    const right = {
      keyData: data(podman.key2),
      rekorPublicKeyData: data(podman.rekor),
      signedIdentity: matchRepository
    }
    const pulled = { repository: "cosign-signed/key-1" }
    expect(await byPolicy("keyRekor", right, pulled)).toMatchObject({
      _tag: "Verified",
      signature: { logIndex: expect.any(Number), integratedTime: expect.stringMatching(/^20/) }
    })
    expect(await byPolicy("keyRekor", { ...right, rekorPublicKeyData: data(podman.key) }, pulled)).toMatchObject({
      _tag: "Rejected"
    })
    // No log knows of it.
    expect(await byPolicy("valid", { ...right, keyData: data(podman.key) })).toMatchObject({ _tag: "Rejected" })
  })

  test("with a certificate of Fulcio, whose intermediate came with the signature", async () => {
    const fulcio = {
      caData: data(podman.fulcio),
      oidcIssuer: "https://github.com/login/oauth",
      subjectEmail: "mitr@redhat.com"
    }
    const right = { fulcio, rekorPublicKeyData: data(podman.rekor), signedIdentity: matchRepository }
    const pulled = { repository: "cosign-signed/fulcio-rekor-1" }
    expect(await byPolicy("fulcioRekor", right, pulled)).toMatchObject({
      _tag: "Verified",
      signature: { signer: "mitr@redhat.com", issuer: "https://github.com/login/oauth" }
    })
    expect(
      await byPolicy("fulcioRekor", { ...right, fulcio: { ...fulcio, subjectEmail: "me@r.test" } }, pulled)
    ).toMatchObject({ _tag: "OtherSigner" })
    // A policy names no certificate log: without a trusted root, the proof in the certificate cannot be checked.
    const unproven = await byPolicy("fulcioRekor", right, pulled, false)
    expect(unproven).toMatchObject({ _tag: "Rejected", problem: expect.stringContaining("SCT") })
    // An intermediate that anybody could have made.
    const { annotations } = podman.signatures.fulcioRekor
    const [intermediate = ""] =
      annotations["dev.sigstore.cosign/chain"].match(/-----BEGIN[\s\S]*?END CERTIFICATE-----\n/) ?? []
    const foreign = { ...fulcio, caData: data(annotations["dev.sigstore.cosign/certificate"]) }
    expect(intermediate).toContain("BEGIN")
    expect(await byPolicy("fulcioRekor", { ...right, fulcio: foreign }, pulled)).toMatchObject({ _tag: "Rejected" })
  })
})
