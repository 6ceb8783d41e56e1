/** Thousands of referrers: a signature among them is found, with few requests, and whoever adds more gets a refusal at most. */
import { describe, expect, test } from "vitest"
import { bundleReferrer, sign, signingKey, startRegistry, type TestRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"
import { anyOf, bundleIn, index, layersAsked, platform, put, single } from "./support.ts"

const key = signingKey()
const ofKey = (registry: TestRegistry) => anyOf(registry, { key: key.publicKey })
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"
const manifestType = "application/vnd.oci.image.manifest.v1+json"
const indexType = "application/vnd.oci.image.index.v1+json"

/** As cosign writes them. */
const annotations = {
  "dev.sigstore.bundle.content": "dsse-envelope",
  "dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"
}

interface Flood {
  readonly artifactType?: string
  /** The list for the fallback tag, of these and `more`. */
  readonly more?: ReadonlyArray<object>
}

/** So many referrers that are no signatures, whatever type they are listed with. */
const flood = (registry: TestRegistry, many: number, { artifactType = "application/spdx+json", more = [] }: Flood) => {
  const listed = Array.from({ length: many }, (_, at) => {
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        artifactType,
        subject: { mediaType: manifestType, digest: single.digest, size: single.size },
        config: { mediaType: "application/vnd.oci.empty.v1+json", digest: single.digest, size: 2 },
        layers: [],
        annotations: { ...annotations, "org.opencontainers.image.created": `2026-01-01T00:00:00.${at}Z` }
      })
    )
    return { digest: registry.addDocument("app", bytes, manifestType), size: bytes.length }
  })
  const manifests = [...listed, ...more].map((it) => ({ mediaType: manifestType, artifactType, ...it, annotations }))
  const list = { schemaVersion: 2, mediaType: indexType, manifests }
  if (more.length > 0)
    registry.addDocument("app", Buffer.from(JSON.stringify(list)), indexType, single.digest.replace(":", "-"))
}

/** Of manifests, blobs and lists. */
const requests = (registry: TestRegistry) => registry.log.all.filter(({ kind }) => kind !== "ping").length

describe("among 5 000 referrers", () => {
  test.each([
    ["in one list", true],
    ["over 50 pages", { pageSize: 100 }]
  ])("%s a signature at their end is found", async (_, referrers) => {
    await using registry = await startRegistry({ images: { "app:1": single }, referrers })
    flood(registry, 4999, {})
    put(registry, "app", await sign(single, { key, as: "bundle" }))
    await using oci = await open({ verify: ofKey(registry) })
    registry.log.clear()
    expect((await oci.pull(registry.reference("app:1"), { platform })).verified).toHaveLength(1)
    expect(requests(registry)).toBeLessThan(60)
  })

  test("under the fallback tag a signature is found", async () => {
    await using registry = await startRegistry({ images: { "app:1": single }, referrers: false })
    const signature = await sign(single, { key, as: "bundle" })
    put(registry, "app", signature)
    const { digest, size } = signature
    flood(registry, 4999, { more: [{ digest, size, artifactType: bundleType }] })
    await using oci = await open({ verify: ofKey(registry) })
    registry.log.clear()
    expect((await oci.pull(registry.reference("app:1"), { platform })).verified).toHaveLength(1)
    expect(requests(registry)).toBeLessThan(10)
  })

  test.each([
    ["that all look like signatures", bundleType],
    ["of which none looks like one", "application/spdx+json"]
  ])("%s no more are looked at than `limits.signatures` says", async (_, artifactType) => {
    await using registry = await startRegistry({ images: { "app:1": index } })
    flood(registry, 5000, { artifactType })
    await using oci = await open({ verify: ofKey(registry) })
    registry.log.clear()
    expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform }))).toMatchObject({
      _tag: "LimitExceeded",
      limit: "signatures",
      maximum: 100
    })
    expect(requests(registry)).toBeLessThan(110)
    expect(layersAsked(registry, single)).toBe(0)
    expect(await oci.layers()).toEqual([])
  })
})

describe.each([
  ["that look like signatures", bundleType],
  ["of another type", "application/spdx+json"]
])("with `limits.signatures: 3`, behind referrers %s", (_, artifactType) => {
  const behind = async (many: number) => {
    const registry = await startRegistry({ images: { "app:1": single } })
    flood(registry, many, { artifactType })
    put(
      registry,
      "app",
      bundleReferrer(single, await bundleIn(await sign(single, { key, as: "bundle" })), { artifactType })
    )
    return registry
  }

  test("the third is looked at", async () => {
    await using registry = await behind(2)
    await using oci = await open({ verify: ofKey(registry), limits: { signatures: 3 } })
    expect((await oci.pull(registry.reference("app:1"), { platform })).verified).toHaveLength(1)
  })

  test("the fourth is not, and the image is refused", async () => {
    await using registry = await behind(3)
    await using oci = await open({ verify: ofKey(registry), limits: { signatures: 3 } })
    expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform }))).toMatchObject({
      _tag: "LimitExceeded",
      limit: "signatures",
      maximum: 3
    })
  })
})

describe("with `limits.signatures: 3`, a list of pages", () => {
  const pages = async (many: number) => {
    const registry = await startRegistry({ images: { "app:1": single }, referrers: { pageSize: 1 } })
    flood(registry, many, {})
    return registry
  }

  test("is followed for three", async () => {
    await using registry = await pages(2)
    put(registry, "app", await sign(single, { key, as: "bundle" }))
    await using oci = await open({ verify: ofKey(registry), limits: { signatures: 3 } })
    expect((await oci.pull(registry.reference("app:1"), { platform })).verified).toHaveLength(1)
    expect(registry.log.count({ kind: "referrers" })).toBe(3)
  })

  test("is not followed to the fourth, and the image is refused", async () => {
    await using registry = await pages(3)
    put(registry, "app", await sign(single, { key, as: "bundle" }))
    await using oci = await open({ verify: ofKey(registry), limits: { signatures: 3 } })
    expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform }))).toMatchObject({
      _tag: "LimitExceeded",
      limit: "signatures",
      maximum: 3,
      unit: "pages of referrers"
    })
    expect(registry.log.count({ kind: "referrers" })).toBe(3)
  })

  test("that is too long says nothing of a signature on its first pages", async () => {
    await using registry = await startRegistry({ images: { "app:1": single }, referrers: { pageSize: 1 } })
    put(registry, "app", await sign(single, { key, as: "bundle" }))
    flood(registry, 5, {})
    await using oci = await open({ verify: ofKey(registry), limits: { signatures: 3 } })
    expect((await oci.pull(registry.reference("app:1"), { platform })).verified).toHaveLength(1)
  })

  test("is left once there are more that look like signatures than are looked at", async () => {
    await using registry = await startRegistry({ images: { "app:1": single }, referrers: { pageSize: 2 } })
    flood(registry, 6, { artifactType: bundleType })
    await using oci = await open({ verify: ofKey(registry), limits: { signatures: 3 } })
    expect(await reasonOf(oci.pull(registry.reference("app:1"), { platform }))).toMatchObject({ unit: /referrers/ })
    expect(registry.log.count({ kind: "referrers" })).toBe(2)
  })
})
