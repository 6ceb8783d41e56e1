/** Policies of podman and skopeo: which rule counts for an image, what a policy may hold, and what makes it invalid. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { findRule } from "../../src/signatures/rules/findRule.ts"
import { readPolicy } from "../../src/signatures/rules/readPolicy.ts"
import { sign, signingKey, startRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"
import { layersAsked, platform, put, single } from "./support.ts"

const key = signingKey()
const fixtures = JSON.parse(await readFile(new URL("fixtures/cosign.json", import.meta.url), "utf8"))

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ociflow-policy-"))
  await writeFile(join(directory, "key.pub"), key.publicKey)
})
afterAll(() => rm(directory, { recursive: true }))

let policies = 0
const write = async (policy: unknown): Promise<string> => {
  const path = join(directory, `policy-${++policies}.json`)
  await writeFile(path, typeof policy === "string" ? policy : JSON.stringify(policy))
  return path
}

const reject = [{ type: "reject" }]
const accept = [{ type: "insecureAcceptAnything" }]
const signed = (more: object = {}) => [
  { type: "sigstoreSigned", keyPath: join(directory, "key.pub"), signedIdentity: { type: "matchRepository" }, ...more }
]

/** `accept`, `signed`, or the tag of the reason. */
const verdict = async (policy: unknown, registry: string, repository: string, more: object = {}) => {
  const rules = await Effect.runPromise(readPolicy({ policyFile: await write(policy) }))
  const found = findRule(rules, { at: { registry, repository, tag: "1", ...more } }, "sha256:a")
  return Effect.runPromise(
    Effect.match(found, {
      onFailure: ({ _tag }) => _tag as string,
      onSuccess: (rule) => (rule === undefined ? "accept" : "signed")
    })
  )
}

test("the most specific scope counts", async () => {
  const docker = {
    "": reject,
    "r.test": accept,
    "r.test/org": signed(),
    "r.test/org/app": accept,
    "r.test/org/app:1": reject,
    "*.corp.test": accept,
    "*.a.corp.test": reject,
    "docker.io/library": signed()
  }
  const policy = { default: accept, transports: { docker } }
  expect(await verdict(policy, "r.test", "other")).toBe("accept")
  expect(await verdict(policy, "r.test", "org/other/deep")).toBe("signed")
  expect(await verdict(policy, "r.test", "organization")).toBe("accept")
  expect(await verdict(policy, "r.test", "org/app")).toBe("SignatureRejected")
  expect(await verdict(policy, "r.test", "org/app", { tag: "2" })).toBe("accept")
  // By digest: the tag was not looked at.
  expect(await verdict(policy, "r.test", "org/app", { digest: `sha256:${"a".repeat(64)}` })).toBe("accept")
  expect(await verdict(policy, "b.corp.test", "x")).toBe("accept")
  expect(await verdict(policy, "b.a.corp.test", "x")).toBe("SignatureRejected")
  expect(await verdict(policy, "corp.test", "x")).toBe("SignatureRejected")
  expect(await verdict(policy, "docker.io", "library/alpine")).toBe("signed")
  expect(await verdict({ default: accept }, "r.test", "x")).toBe("accept")
})

test("all requirements of a scope must hold", async () => {
  const of = (list: ReadonlyArray<object>) => verdict({ default: list }, "r.test", "x")
  expect(await of([...accept, ...accept])).toBe("accept")
  expect(await of([...accept, ...signed()])).toBe("signed")
  expect(await of([...signed(), ...reject])).toBe("SignatureRejected")
  expect(await of([...signed(), { type: "signedBy", keyType: "GPGKeys", keyPath: "/x" }])).toBe("NotImplemented")
})

test("files are of transports of their own, and of the default", async () => {
  const path = "/srv/app.tar"
  const of = (policy: unknown, transport: "oci" | "docker-archive") =>
    verdict(policy, "", "", { transport, path, registry: undefined })
  const policy = { default: reject, transports: { "docker-archive": { "/srv": accept }, oci: { "": accept } } }
  expect(await of(policy, "docker-archive")).toBe("accept")
  // It may be an archive, which another transport is for.
  expect(await of(policy, "oci")).toBe("SignatureRejected")
  const both = { ...policy, transports: { oci: { "": accept }, "oci-archive": { "": accept } } }
  expect(await of(both, "oci")).toBe("accept")
  expect(await of(both, "docker-archive")).toBe("SignatureRejected")
  expect(await of({ default: signed() }, "oci")).toBe("SignatureRejected")
})

test.each([
  ["docker.io", "index.docker.io"],
  ["docker.io/org", "registry-1.docker.io/org"],
  ["r.test", "R.test"]
])("%s and %s are one scope: what both ask for must hold", async (one, other) => {
  const [registry = "", repository = "org"] = one.split("/")
  const of = (first: unknown, second: unknown) =>
    verdict(
      { default: accept, transports: { docker: { [one]: first, [other]: second } } },
      registry,
      `${repository}/app`
    )
  expect(await of(reject, accept)).toBe("SignatureRejected")
  expect(await of(accept, reject)).toBe("SignatureRejected")
  expect(await of(signed(), accept)).toBe("signed")
  expect(await of(accept, accept)).toBe("accept")
})

test("an official image by its short name, which podman does not know, weakens nothing", async () => {
  const of = (docker: unknown, image = "library/alpine", more = {}) =>
    verdict({ default: accept, transports: { docker } }, "docker.io", image, more)
  const short = "docker.io/alpine"
  expect(await of({ "docker.io": reject, [short]: accept })).toBe("SignatureRejected")
  expect(await of({ "docker.io/library": reject, [short]: accept })).toBe("SignatureRejected")
  expect(await of({ "*.io": reject, [short]: accept })).toBe("SignatureRejected")
  expect(await of({ "": reject, [short]: accept })).toBe("SignatureRejected")
  expect(await of({ "docker.io/library/alpine": reject, [`${short}:1`]: accept }, "library/alpine", { tag: "1" })).toBe(
    "SignatureRejected"
  )
  expect(await of({ [short]: signed() })).toBe("signed")
  expect(await of({ "docker.io": accept, [short]: accept })).toBe("accept")
  expect(await of({ "docker.io": reject, "docker.io/org": accept }, "org/app")).toBe("accept")
  expect(await of({ "docker.io": reject, "docker.io/org": accept }, "library/org")).toBe("SignatureRejected")
  expect(await of({ "docker.io": reject, "docker.io/library": accept })).toBe("accept")
})

test("a directory's scope counts below it, whichever of the transports has a deeper one", async () => {
  const of = (transports: unknown) =>
    verdict({ default: accept, transports }, "", "", { transport: "oci", path: "/srv/a/app", registry: undefined })
  expect(await of({ oci: { "/srv": reject }, "oci-archive": { "/srv/a": accept } })).toBe("SignatureRejected")
  expect(await of({ "oci-archive": { "/srv": reject }, oci: { "/srv/a": accept } })).toBe("SignatureRejected")
  expect(await of({ "oci-archive": { "": reject }, oci: { "/srv/a": accept } })).toBe("SignatureRejected")
  expect(await of({ oci: { "/srv": reject, "/srv/a": accept } })).toBe("accept")
  expect(await of({ oci: { "/srv": accept, "/srv/a": accept }, "oci-archive": { "/other": reject } })).toBe("accept")
})

// Node's crypto has no OpenPGP. A policy that asks for them accepts nothing, and the error says what it asks for.
test("the policy of podman's own tests is read: what it asks for in GPG is not implemented", async () => {
  expect(await verdict(fixtures.policy, "r.test", "app")).toBe("SignatureRejected")
  expect(await verdict(fixtures.policy, "example.com", "hardened/app")).toBe("NotImplemented")
  expect(await verdict(fixtures.policy, "registry.access.redhat.com", "rhel7/rhel")).toBe("NotImplemented")
})

describe("a policy is invalid, and nothing is accepted,", () => {
  const sigstore = { type: "sigstoreSigned", keyPath: "/k" }
  const fulcio = { caPath: "/c", oidcIssuer: "https://i", subjectEmail: "a@r.test" }
  test.each<[string, unknown]>([
    ["with no JSON", "{"],
    ["with another kind of JSON", []],
    ["without a default", { transports: {} }],
    ["with an empty list", { default: [] }],
    ["with an unknown field", { default: accept, extra: 1 }],
    ["with an unknown type", { default: [{ type: "acceptAnything" }] }],
    ["with an unknown field of a requirement", { default: [{ type: "reject", unless: "x" }] }],
    ["with an unknown type in another transport", { default: accept, transports: { dir: { "": [{ type: "x" }] } } }],
    ["with transports that are none", { default: accept, transports: [] }],
    ["with a scope that is a pattern", { default: accept, transports: { docker: { "r.test/*": reject } } }],
    ["with the default twice", `{"default":${JSON.stringify(reject)},"default":${JSON.stringify(accept)}}`],
    ["with a type twice", '{"default":[{"type":"reject","type":"insecureAcceptAnything"}]}'],
    [
      "with a key twice, spelled in another way",
      `{"default":${JSON.stringify(reject)},"def\\u0061ult":${JSON.stringify(accept)}}`
    ],
    ["with a scope of files that ends with a slash", { default: accept, transports: { oci: { "/srv/": reject } } }],
    ["with a scope of files that is not a path", { default: accept, transports: { "oci-archive": { srv: reject } } }],
    ["with a scope of files with ..", { default: accept, transports: { "docker-archive": { "/a/../b": reject } } }],
    ["with the root as a scope", { default: accept, transports: { oci: { "/": reject } } }],
    ["without a key", { default: [{ type: "sigstoreSigned" }] }],
    ["with two keys that exclude each other", { default: [{ ...sigstore, keyData: "AAAA" }] }],
    ["with a key and fulcio", { default: [{ ...sigstore, fulcio, rekorPublicKeyPath: "/r" }] }],
    ["with fulcio and no log", { default: [{ type: "sigstoreSigned", fulcio }] }],
    [
      "with fulcio and no email",
      { default: [{ type: "sigstoreSigned", fulcio: { ...fulcio, subjectEmail: "" }, rekorPublicKeyPath: "/r" }] }
    ],
    ["with an unknown identity", { default: [{ ...sigstore, signedIdentity: { type: "matchAnything" } }] }],
    [
      "with a field too many of an identity",
      { default: [{ ...sigstore, signedIdentity: { type: "matchExact", x: "y" } }] }
    ],
    [
      "with a field too few of an identity",
      { default: [{ ...sigstore, signedIdentity: { type: "remapIdentity", prefix: "a" } }] }
    ]
  ])("%s", async (_, policy) => {
    const path = await write(policy)
    const failure = await Effect.runPromise(Effect.flip(readPolicy({ policyFile: path })))
    expect(failure).toMatchObject({ _tag: "TrustUnavailable", source: path })
  })
})

test("a policy is for pulls, and is read again for each", async () => {
  await using registry = await startRegistry({ images: { "app:1": single } })
  const reference = registry.reference("app:1")
  const policyFile = await write({ default: reject, transports: { docker: { [registry.host]: signed() } } })
  await using oci = await open({ verify: { policyFile } })
  expect(await reasonOf(oci.pull(reference, { platform }))).toMatchObject({ _tag: "Unsigned", scope: registry.host })
  put(registry, "app", await sign(single, { key, reference: `${registry.host}/other` }))
  expect((await reasonOf(oci.pull(reference, { platform }))).message).toMatch(/was made for .*other/)
  expect(layersAsked(registry, single)).toBe(0)
  put(registry, "app", await sign(single, { key, reference: `${registry.host}/app` }))
  expect((await oci.pull(reference, { platform })).verified).toHaveLength(1)
  await writeFile(policyFile, JSON.stringify({ default: reject }))
  expect(await reasonOf(oci.pull(reference, { platform }))).toMatchObject({ _tag: "SignatureRejected", scope: "*" })
  await rm(policyFile)
  expect(await reasonOf(oci.pull(reference, { platform }))).toMatchObject({ _tag: "TrustUnavailable" })
})

describe("a function", () => {
  test("judges each image, stored ones included", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    const reference = registry.reference("app:1")
    const asked: Array<object> = []
    let accepted = true
    await using oci = await open({
      verify: async (image) => {
        asked.push(image)
        return accepted ? { accepted: true } : { accepted: false, problem: "it was called back" }
      }
    })
    expect((await oci.pull(reference, { platform })).verified).toEqual([])
    accepted = false
    const reason = await reasonOf(oci.pull(reference, { platform }))
    expect(reason).toMatchObject({ _tag: "SignatureRejected", failures: ["it was called back"] })
    expect(asked).toEqual([1, 2].map(() => ({ reference, digest: single.digest, manifestDigest: single.digest })))
  })

  test.each<[string, () => unknown, string]>([
    [
      "that throws",
      () => {
        throw new Error("no")
      },
      "TrustUnavailable"
    ],
    ["that rejects", () => Promise.reject(new Error("no")), "TrustUnavailable"],
    ["that is an Effect which fails", () => Effect.fail("no"), "TrustUnavailable"],
    ["that is an Effect which dies", () => Effect.die(new Error("no")), "TrustUnavailable"],
    ["that gives nothing", () => undefined, "SignatureRejected"],
    ["that gives a number of signatures", () => ({ accepted: true, verified: 5 }), "SignatureRejected"],
    ["that gives signatures which are none", () => ({ accepted: true, verified: [5] }), "SignatureRejected"],
    ["that gives true, which is not a verdict", () => true, "SignatureRejected"],
    ["that gives a word", () => ({ accepted: "yes" }), "SignatureRejected"]
  ])("%s accepts nothing", async (_, verify, tag) => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    await using oci = await open({ verify: verify as never })
    expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform }))).toMatchObject({ _tag: tag })
    expect(layersAsked(registry, single)).toBe(0)
  })

  test("may be an Effect", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    await using oci = await open({ verify: () => Effect.succeed({ accepted: true as const }) })
    expect((await oci.pull(registry.reference("app:1"), { platform })).verified).toEqual([])
  })
})
