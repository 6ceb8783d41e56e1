/** Ways to the bytes of an image: each is closed to one that is not signed, and open to one that is. */
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { lastValueFrom } from "rxjs"
import { describe, expect, test } from "vitest"
import { openRegistry } from "../../src/registry.ts"
import { bundleReferrer, fault, sign, signingKey, startRegistry } from "../../src/testing/index.ts"
import { savedOf, writeArchive } from "../support/files.ts"
import { open, temporaryRoot } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"
import { anyOf, bundleIn, index, layersAsked, namesIn, other, platform, put, single } from "./support.ts"
import { all, ways } from "./ways.ts"

const key = signingKey()
const layer = single.manifests[0]?.layers[0]?.digest ?? ""

describe.each(Object.entries(ways))("%s", (_, way) => {
  test("gives nothing of an unsigned image, and asks for no layer", async () => {
    await using registry = await startRegistry({ images: { "app:1": index } })
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    expect(await reasonOf(way(oci, registry.reference("app:1")))).toMatchObject({ _tag: "Unsigned" })
    expect(layersAsked(registry, index)).toBe(0)
    expect(await oci.layers()).toEqual([])
  })

  test("gives a signed one", async () => {
    await using registry = await startRegistry({ images: { "app:1": index } })
    put(registry, "app", await sign(index, { key }))
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    await way(oci, registry.reference("app:1"))
  })

  test("gives nothing of an unsigned image that was stored before there were rules", async () => {
    await using registry = await startRegistry({ images: { "app:1": index } })
    await using home = await temporaryRoot()
    {
      await using before = await open({ root: home.root })
      await before.pull(registry.reference("app:1"), { platform })
    }
    await using oci = await open({ root: home.root, verify: anyOf(registry, { key: key.publicKey }) })
    expect(await reasonOf(way(oci, registry.reference("app:1")))).toMatchObject({ _tag: "Unsigned" })
  })
})

describe("an image in the store", () => {
  const pulled = async (root: string, as: "tag" | "bundle" | "message") => {
    const registry = await startRegistry({ images: { "app:1": index } })
    put(registry, "app", await sign(index, { key, as }))
    await using oci = await open({ root, verify: anyOf(registry, { key: key.publicKey }) })
    await oci.pull(registry.reference("app:1"), { platform })
    return registry
  }

  test.each(["tag", "bundle", "message"] as const)("is proven again without the registry: %s", async (as) => {
    await using home = await temporaryRoot()
    await using registry = await pulled(home.root, as)
    await registry.close()
    await using oci = await open({ root: home.root, verify: anyOf(registry, { key: key.publicKey }) })
    for (const policy of ["never", "missing"] as const) {
      const again = await oci.pull(registry.reference("app:1"), { platform, policy })
      expect(again).toMatchObject({ cached: true, verified: [{ digest: index.digest }] })
    }
    await using held = await oci.hold(registry.reference("app:1"), { platform })
    expect(held.image.verified).toHaveLength(1)
  })

  test("whose signature no longer satisfies the rules is asked for again, and with `never` it is not given", async () => {
    await using home = await temporaryRoot()
    await using registry = await pulled(home.root, "tag")
    const newer = signingKey()
    await using oci = await open({ root: home.root, verify: anyOf(registry, { key: newer.publicKey }) })
    const reference = registry.reference("app:1")
    expect(await reasonOf(oci.pull(reference, { platform, policy: "never" }))).toMatchObject({ _tag: "NotCached" })
    expect(await reasonOf(oci.hold(reference, { platform }))).toMatchObject({ _tag: "NotCached" })
    expect(await reasonOf(oci.readFile(reference, "etc/motd", { platform, policy: "never" }))).toMatchObject({
      _tag: "NotCached"
    })
    expect(await reasonOf(oci.pull(reference, { platform }))).toMatchObject({ _tag: "SignatureRejected" })
    put(registry, "app", await sign(index, { key: newer, as: "bundle" }))
    expect(await oci.pull(reference, { platform })).toMatchObject({ cached: true, verified: [{ kind: "dsse" }] })
    expect(await oci.pull(reference, { platform, policy: "never" })).toMatchObject({ verified: [{ kind: "dsse" }] })
  })

  test("has no verdict that could be planted: what lies there is proven", async () => {
    await using registry = await startRegistry({ images: { "app:1": index, "app:2": other } })
    put(registry, "app", await sign(other, { key, as: "bundle" }))
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    await oci.pull(registry.reference("app:2"), { platform })
    await using before = await open({ root: oci.root })
    await before.pull(registry.reference("app:1"), { platform })
    const [name = ""] = await namesIn(oci.root, "signatures")
    const signature = await readFile(join(oci.root, "signatures", name))
    for (const planted of [signature, "true", '{"version":1,"signatures":true}', "x".repeat(100)]) {
      await writeFile(join(oci.root, "signatures", name.replace(/[0-9a-f]{64}/, index.digest.slice(7))), planted)
      expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform }))).toMatchObject({ _tag: "Unsigned" })
    }
  })

  test("loses its signatures with its last reference", async () => {
    await using home = await temporaryRoot()
    await using registry = await pulled(home.root, "tag")
    await using oci = await open({ root: home.root })
    expect(await namesIn(home.root, "signatures")).toHaveLength(1)
    await oci.remove(registry.reference("app:1"))
    expect(await namesIn(home.root, "signatures")).toEqual([])
  })
})

describe("a registry", () => {
  test("that moves the tag to another image after a pull is found out", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", await sign(single, { key }))
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    await oci.pull(registry.reference("app:1"), { platform })
    registry.add("app:1", other)
    expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform, policy: "always" }))).toMatchObject({
      _tag: "Unsigned",
      digest: other.digest
    })
    expect(layersAsked(registry, other)).toBe(0)
  })

  test("that moves the tag between the check and the download sends what was checked, or nothing", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", await sign(single, { key }))
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    const pulled = await oci.pull(registry.reference("app:1"), {
      platform,
      onEvent: ({ _tag }) => _tag === "Verified" && registry.add("app:1", other)
    })
    expect(pulled.digest).toBe(single.digest)
    expect(layersAsked(registry, other)).toBe(0)
    expect(
      await oci.readFile(`${registry.host}/app@${single.digest}`, "etc/motd", { platform, encoding: "utf8" })
    ).toBe("signed\n")
  })

  test("without the referrers API has bundles under the fallback tag", async () => {
    await using registry = await startRegistry({ images: { "app:1": single }, referrers: false })
    const signature = await sign(single, { key, as: "bundle" })
    put(registry, "app", signature)
    const list = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [
        { mediaType: signature.mediaType, digest: signature.digest, size: signature.size, artifactType: "x/y" }
      ]
    }
    registry.addDocument("app", Buffer.from(JSON.stringify(list)), list.mediaType, single.digest.replace(":", "-"))
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    expect(await oci.pull(registry.reference("app:1"), { platform })).toMatchObject({ verified: [{ kind: "dsse" }] })
  })

  test("that calls a bundle something else in its list is not believed", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(
      registry,
      "app",
      bundleReferrer(single, await bundleIn(await sign(single, { key, as: "bundle" })), {
        artifactType: "application/vnd.oci.empty.v1+json"
      })
    )
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    expect(await oci.pull(registry.reference("app:1"), { platform })).toMatchObject({ verified: [{ kind: "dsse" }] })
  })

  test.each([
    { kind: "manifest", reference: `${single.digest.replace(":", "-")}.sig` },
    { kind: "referrers" }
  ] as const)("that cannot say whether there are signatures has not said that there are none: %j", async (on) => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    registry.fault(on, fault.status(503))
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform }))).toMatchObject({ _tag: "RegistryError" })
  })
})

describe("a file", () => {
  test("is refused where no rule is for files, even with `otherwise`; a rule can accept it", async () => {
    await using home = await temporaryRoot()
    const path = await writeArchive(join(home.root, "app.tar"), await savedOf([[[], single]]))
    const reference = `docker-archive:${path}`
    const rules = [{ scope: "r.test/org/*", any: [{ key: key.publicKey }] }] as const
    await using strict = await open({ verify: { rules, otherwise: "accept" } })
    const refused = await reasonOf(strict.pull(reference, { platform }))
    expect(refused).toMatchObject({ _tag: "SignatureRejected", scope: "docker-archive:" })
    expect(refused.message).toMatch(/file/)
    await using lenient = await open({ verify: { rules: [...rules, { scope: "docker-archive:", always: "accept" }] } })
    expect("verified" in (await lenient.pull(reference, { platform }))).toBe(false)
    expect(await reasonOf(lenient.pull(reference, { platform, name: "r.test/org/app:1" }))).toMatchObject({
      _tag: "SignatureRejected",
      scope: "r.test/org/*"
    })
  })
})

describe("a link to a file", () => {
  test("does not lead around a rule for where it leads", async () => {
    await using home = await temporaryRoot()
    const [good, evil] = ["good", "evil"].map((name) => join(home.root, name))
    for (const directory of [good, evil]) await mkdir(directory ?? "")
    await writeArchive(join(evil ?? "", "app.tar"), await savedOf([[[], single]]))
    await symlink(join(evil ?? "", "app.tar"), join(good ?? "", "file.tar"))
    await symlink(evil ?? "", join(good ?? "", "directory"))
    const rules = [
      { scope: "docker-archive:", always: "accept" },
      { scope: `docker-archive:${evil}`, always: "refuse" }
    ] as const
    await using oci = await open({ verify: { rules } })
    for (const path of [`${good}/file.tar`, `${good}/directory/app.tar`, `${evil}/app.tar`])
      expect(await reasonOf(oci.pull(`docker-archive:${path}`, { platform }))).toMatchObject({
        _tag: "SignatureRejected",
        scope: `docker-archive:${evil}`
      })
    await using other = await open({ verify: { rules: rules.slice(0, 1) } })
    await other.pull(`docker-archive:${good}/file.tar`, { platform })
  })
})

describe("blob$", () => {
  test("gives no blob that no manifest of the image names", async () => {
    await using registry = await startRegistry({ images: { "app:1": single } })
    put(registry, "app", await sign(single, { key }))
    const stray = registry.addBlob("app", Buffer.from("nobody signed this"))
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    const reason = await reasonOf(lastValueFrom(oci.blob$(registry.reference("app:1"), stray)))
    expect(reason).toMatchObject({ _tag: "SignatureRejected" })
    expect(registry.log.count({ kind: "blob", reference: stray })).toBe(0)
  })
})

test("ociflow/registry checks config, artifact and blob", async () => {
  await using registry = await startRegistry({ images: { "app:1": index, "app:2": other } })
  put(registry, "app", await sign(index, { key }))
  await using client = await openRegistry({ verify: anyOf(registry, { key: key.publicKey }), credentials: {} })
  const [signed, unsigned] = [registry.reference("app:1"), registry.reference("app:2")]
  const stray = other.manifests[0]?.layers[0]?.digest ?? ""
  await client.config(signed, { platform })
  await client.artifact(signed, { platform })
  expect((await all(client.blob(signed, layer))).length).toBeGreaterThan(0)
  for (const way of [
    () => client.config(unsigned, { platform }),
    () => client.artifact(unsigned),
    () => all(client.blob(unsigned, stray)),
    () => lastValueFrom(client.blob$(unsigned, stray))
  ])
    expect(await reasonOf(way())).toMatchObject({ _tag: "Unsigned" })
  expect(layersAsked(registry, other)).toBe(0)
})
