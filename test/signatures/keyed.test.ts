/** Signatures by a key, of each form and each kind of key: what is accepted before the first byte of a layer, and what is not. */
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { PullEvent } from "../../src/api/events.ts"
import {
  bundleReferrer,
  type KeyType,
  type SignOptions,
  sign,
  signingKey,
  startRegistry
} from "../../src/testing/index.ts"
import { open } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"
import { anyOf, bundleIn, index, layersAsked, namesIn, other, platform, put, single, together } from "./support.ts"

const key = signingKey()
const stranger = signingKey()
const forms = ["tag", "bundle", "message"] as const satisfies ReadonlyArray<NonNullable<SignOptions["as"]>>

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ociflow-keys-"))
})
afterAll(() => rm(directory, { recursive: true }))

const keyTypes: ReadonlyArray<KeyType> = ["P-256", "P-384", "RSA", "Ed25519"]

describe.each(forms)("a signature as %s", (as) => {
  test.each(keyTypes)("by a key of the type %s is proven", async (type) => {
    const key = signingKey(type)
    await using registry = await startRegistry({ images: { "app:1": index } })
    put(registry, "app", await sign(index, { key, as }))
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    const events: Array<PullEvent> = []
    const pulled = await oci.pull(registry.reference("app:1"), { platform, onEvent: (event) => events.push(event) })
    const kind = { tag: "simple-signing", bundle: "dsse", message: "message-signature" }[as]
    const signer = expect.stringMatching(/^sha256:[0-9a-f]{64}$/)
    expect(pulled.verified).toMatchObject([{ kind, digest: index.digest, signer }])
    const tags = events.map(({ _tag }) => _tag)
    expect(tags.indexOf("Verified")).toBeGreaterThan(tags.indexOf("Resolved"))
    expect(tags.indexOf("Verified")).toBeLessThan(tags.indexOf("LayerStarted"))
  })

  test("by another key is refused, and nothing of the layers is asked for or kept", async () => {
    await using registry = await startRegistry({ images: { "app:1": index } })
    put(registry, "app", await sign(index, { key: stranger, as }))
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform }))).toMatchObject({
      _tag: "SignatureRejected",
      digest: index.digest,
      scope: registry.host
    })
    expect(layersAsked(registry, index)).toBe(0)
    expect(await oci.layers()).toEqual([])
    expect(await namesIn(oci.root, "partial")).toEqual([])
    expect(await namesIn(oci.root, "signatures")).toEqual([])
  })

  test("of another image is refused under this one's name", async () => {
    await using registry = await startRegistry({ images: { "app:1": single, "app:2": other } })
    const signature = await sign(other, { key, as })
    put(registry, "app", signature)
    if (as === "tag") registry.add(`app:${single.digest.replace(":", "-")}.sig`, signature)
    else {
      // The same bundle, filed as if it were of the first image.
      put(registry, "app", bundleReferrer(single, await bundleIn(signature)))
    }
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    const reason = await reasonOf(oci.pull(registry.reference("app:1"), { platform }))
    expect(reason).toMatchObject({ _tag: "SignatureRejected" })
    expect(reason.message).toMatch(/another image/)
    expect((await oci.pull(registry.reference("app:2"), { platform })).verified).toHaveLength(1)
  })

  test("that is good counts beside one that is bad", async () => {
    await using registry = await startRegistry({ images: { "app:1": index } })
    const [bad, good] = [await sign(index, { key: stranger, as }), await sign(index, { key, as })]
    put(registry, "app", ...(as === "tag" ? [together(bad, good)] : [bad, good]))
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    expect((await oci.pull(registry.reference("app:1"), { platform })).verified).toHaveLength(1)
  })

  test("of the platform's manifest alone is enough, and so is one of the index alone", async () => {
    for (const digest of [index.digest, single.digest]) {
      await using registry = await startRegistry({ images: { "app:1": index } })
      put(registry, "app", await sign(index, { key, as, digest }))
      await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
      expect((await oci.pull(registry.reference("app:1"), { platform })).verified).toMatchObject([{ digest }])
    }
  })

  test("of another platform's manifest is none of this one's", async () => {
    await using registry = await startRegistry({ images: { "app:1": index } })
    put(registry, "app", await sign(index, { key, as, digest: single.digest }))
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform: "linux/arm64" }))).toMatchObject({
      _tag: "Unsigned"
    })
  })
})

describe("a key", () => {
  test("is read from a file, which may hold several", async () => {
    const path = join(directory, "several.pub")
    await writeFile(path, `${stranger.publicKey}${key.publicKey}`)
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", await sign(single, { key }))
    await using oci = await open({ verify: anyOf(registry, { key: path }) })
    expect((await oci.pull(registry.reference("app:1"), { platform })).verified).toHaveLength(1)
  })

  test.each([
    ["that is missing", undefined, /ENOENT/],
    ["that is private", key.privateKey.export({ type: "pkcs8", format: "pem" }).toString(), /private key/],
    ["that is not a key", "hello", /no public key/],
    ["that is broken", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", /cannot be read/]
  ])("file %s is TrustUnavailable, never Unsigned", async (_, content, problem) => {
    const path = join(directory, `wrong-${Math.trunc(problem.source.length)}-${content?.length ?? 0}.pub`)
    if (content !== undefined) await writeFile(path, content)
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", await sign(single, { key }))
    await using oci = await open({ verify: anyOf(registry, { key: path }) })
    const reason = await reasonOf(oci.pull(registry.reference("app:1"), { platform }))
    expect(reason).toMatchObject({ _tag: "TrustUnavailable", source: path })
    expect(reason.message).toMatch(problem)
    expect(layersAsked(registry, single)).toBe(0)
  })

  test("of each requirement is wanted by `all`, and of one by `any`", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    const keys = [{ key: key.publicKey }, { key: stranger.publicKey }]
    put(registry, "app", await sign(single, { key, as: "bundle" }))
    const rules = (mode: "any" | "all") => ({ rules: [{ scope: registry.host, [mode]: keys }] })
    await using any = await open({ verify: rules("any") })
    expect((await any.pull(registry.reference("app:1"), { platform })).verified).toHaveLength(1)
    await using all = await open({ verify: rules("all") })
    expect(await reasonOf(all.pull(registry.reference("app:1"), { platform }))).toMatchObject({
      _tag: "SignatureRejected"
    })
    put(registry, "app", await sign(single, { key: stranger, as: "message" }))
    expect((await all.pull(registry.reference("app:1"), { platform })).verified).toHaveLength(2)
  })
})

test("two rules for one image keep what satisfies each of them", async () => {
  await using registry = await startRegistry({ images: { "app:1": single, "copy:1": single } })
  put(registry, "app", await sign(single, { key, as: "tag" }))
  put(registry, "copy", await sign(single, { key: stranger, as: "tag" }))
  const rules = [
    { scope: `${registry.host}/app`, any: [{ key: key.publicKey }] },
    { scope: `${registry.host}/copy`, any: [{ key: stranger.publicKey }] }
  ]
  await using oci = await open({ verify: { rules } })
  for (let round = 0; round < 2; round++)
    for (const name of ["app:1", "copy:1"]) {
      const policy = round === 0 ? "missing" : "never"
      expect((await oci.pull(registry.reference(name), { platform, policy })).verified).toHaveLength(1)
    }
})

test("an image without any signature is Unsigned, and nothing but its documents was asked for", async () => {
  await using registry = await startRegistry({ images: { "app:1": single } })
  await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
  expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform }))).toMatchObject({
    _tag: "Unsigned",
    digest: single.digest,
    scope: registry.host
  })
  expect(layersAsked(registry, single)).toBe(0)
  expect(await oci.layers()).toEqual([])
})

test("without the option no signature is asked for, and no module of it is loaded", async () => {
  await using registry = await startRegistry({ images: { "app:1": single } })
  put(registry, "app", await sign(single, { key }))
  await using oci = await open()
  const pulled = await oci.pull(registry.reference("app:1"), { platform })
  expect("verified" in pulled).toBe(false)
  const asked = registry.log.all.map(({ kind, reference }) => `${kind} ${reference}`)
  expect(asked.filter((it) => /referrers|\.sig$/.test(it))).toEqual([])
  expect(await readdir(oci.root)).not.toContain("signatures")
  await using verifying = await open({ verify: anyOf(registry, { key: key.publicKey }) })
  await verifying.pull(registry.reference("app:1"), { platform })
  expect((await stat(join(verifying.root, "signatures"))).mode & 0o777).toBe(0o700)
})
