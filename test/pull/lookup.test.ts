/** Looking without pulling: what is told, where it ends, and that nothing is stored. */
import { createHash } from "node:crypto"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { firstValueFrom, take, toArray } from "rxjs"
import { describe, expect, test } from "vitest"
import { Puller } from "../../src/Puller.ts"
import {
  collect,
  fault,
  image,
  imageIndex,
  mediaTypes,
  startRegistry,
  type TestRegistry
} from "../../src/testing/index.ts"
import { serve } from "../registry/server.ts"
import { it } from "../support/effect.ts"
import { archiveOf, layoutOf, savedOf, tagged, writeArchive, writeFiles } from "../support/files.ts"
import { open, temporaryRoot } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"

const amd64 = await image({ layers: [{ files: { a: "amd64" } }, { files: { b: "b" } }] })
const arm64 = await image({ platform: "linux/arm64", layers: [{ files: { a: "arm64" } }] })
const both = imageIndex([amd64, arm64], { attestations: true, index: { annotations: { about: "both" } } })

const sizeOf = ({ manifests: [manifest] }: typeof amd64) =>
  (manifest?.size ?? 0) +
  (manifest?.config.size ?? 0) +
  (manifest?.layers ?? []).reduce((sum, { size }) => sum + size, 0)

describe("resolve", () => {
  test("returns digest, platforms and sizes of an index without storing anything", async () => {
    await using registry = await startRegistry({ images: { "app:1": both } })
    await using oci = await open()
    expect(await oci.resolve(registry.reference("app:1"))).toEqual({
      reference: registry.reference("app:1"),
      digest: both.digest,
      mediaType: both.mediaType,
      size: both.size,
      platforms: [amd64, arm64].map((it) => ({
        platform: it.manifests[0]?.platform,
        digest: it.digest,
        mediaType: it.mediaType,
        layers: it.manifests[0]?.layers.length,
        size: sizeOf(it)
      })),
      annotations: { about: "both" }
    })
    expect(registry.log.count({ kind: "blob" })).toBe(0)
    expect(await readdir(oci.root)).toEqual([])
  })

  test("tells the platform of a manifest without an index by its config, and of an artifact none", async () => {
    await using registry = await startRegistry({ images: { "app:1": arm64 } })
    const config = registry.addBlob("app", Buffer.from("{}"))
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.oci.manifest,
      artifactType: "a/b",
      config: { mediaType: "application/vnd.oci.empty.v1+json", digest: config, size: 2 },
      layers: []
    }
    registry.addDocument("app", Buffer.from(JSON.stringify(manifest)), mediaTypes.oci.manifest, "artifact")
    await using oci = await open()
    const found = await oci.resolve(registry.reference("app:1"))
    expect(found.platforms).toMatchObject([{ platform: "linux/arm64", size: sizeOf(arm64) }])
    expect((await oci.resolve(registry.reference("app:artifact"))).platforms).toEqual([])
  })

  test("of sizes that add up to more than a number can be, the size is the largest one", async () => {
    await using registry = await startRegistry({ images: { "app:1": arm64 } })
    const [{ config, layers } = expect.unreachable()] = arm64.manifests
    const size = Number.MAX_SAFE_INTEGER
    const digests = ["1", "2", "3"].map((digit) => `sha256:${digit.repeat(64)}`)
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.oci.manifest,
      config: { mediaType: mediaTypes.oci.config, digest: config.digest, size: config.size },
      layers: digests.map((digest) => ({ mediaType: layers[0]?.mediaType, digest, size }))
    }
    registry.addDocument("app", Buffer.from(JSON.stringify(manifest)), mediaTypes.oci.manifest, "large")
    await using oci = await open()
    expect((await oci.resolve(registry.reference("app:large"))).platforms).toMatchObject([{ layers: 3, size }])
  })

  test("looks into files as well", async () => {
    await using home = await temporaryRoot()
    const layout = await writeFiles(join(home.root, "layout"), layoutOf([[tagged("1"), both]]))
    const saved = await writeArchive(join(home.root, "saved.tar"), await savedOf([[["app:1", "app:2"], arm64]]))
    await using oci = await open()
    expect(await oci.resolve(`oci:${layout}`)).toMatchObject({
      digest: both.digest,
      platforms: [{ size: sizeOf(amd64) }, {}]
    })
    const found = await oci.resolve(`docker-archive:${saved}`)
    expect(found.platforms).toMatchObject([{ platform: "linux/arm64", layers: 1 }])
    expect((await oci.manifest(`docker-archive:${saved}`)).digest).toBe(found.digest)
    expect(await oci.tags(`oci:${layout}`)).toEqual(["1"])
    expect(await oci.tags(`docker-archive:${saved}`)).toEqual(["app:1", "app:2"])
    const input = (async function* () {
      yield await collect(archiveOf(layoutOf([[tagged("1"), both]])))
    })()
    expect((await oci.resolve("-", { input })).digest).toBe(both.digest)
    expect(await reasonOf(oci.referrers(`oci:${layout}`))).toMatchObject({ _tag: "InvalidReference" })
    expect(await oci.images()).toEqual([])
  })

  test("of what changed its bytes on the way is an error", async () => {
    await using registry = await startRegistry({ images: { "app:1": both } })
    registry.fault({ kind: "manifest", reference: arm64.digest }, fault.otherByte(30))
    await using oci = await open()
    expect(await reasonOf(oci.resolve(registry.reference("app:1")))).toMatchObject({ _tag: "DigestMismatch" })
  })
})

describe("manifest", () => {
  test("gives the bytes that the digest is of; with a platform those of its manifest", async () => {
    await using registry = await startRegistry({ images: { "app:1": both } })
    await using oci = await open()
    const index = await oci.manifest(registry.reference("app:1"))
    expect(`sha256:${createHash("sha256").update(index.text).digest("hex")}`).toBe(both.digest)
    expect(index).toMatchObject({ digest: both.digest, mediaType: both.mediaType, size: both.size })
    const manifest = await oci.manifest(registry.reference("app:1"), { platform: "linux/arm64" })
    expect(manifest.text).toBe(Buffer.from(both.documents.get(arm64.digest)?.bytes ?? []).toString())
    const lacking = oci.manifest(registry.reference("app:1"), { platform: "linux/s390x" })
    expect(await reasonOf(lacking)).toMatchObject({ _tag: "PlatformNotFound" })
  })
})

describe("tags", () => {
  const many = async (pageSize = 100): Promise<TestRegistry> => {
    const registry = await startRegistry({ images: { "app:0000": amd64 }, pageSize })
    for (let n = 1; n < 250; n++) registry.add(`app:${String(n).padStart(4, "0")}`, amd64)
    return registry
  }

  test("come from all pages", async () => {
    await using registry = await many()
    await using oci = await open()
    const tags = await oci.tags(registry.reference("app"))
    expect([tags.length, new Set(tags).size, tags.at(-1)]).toEqual([250, 250, "0249"])
    expect(registry.log.count({ kind: "tags" })).toBe(3)
  })

  test("as a sequence ask for no page that nobody wants", async () => {
    await using registry = await many(10)
    await using oci = await open()
    const some = await firstValueFrom(oci.tags$(registry.reference("app")).pipe(take(15), toArray()))
    expect(some).toHaveLength(15)
    expect(registry.log.count({ kind: "tags" })).toBe(2)
  })

  test("of a page that fails in passing are asked for again, and come once", async () => {
    await using registry = await many()
    registry.fault({ kind: "tags", nth: 2, times: 1 }, fault.status(503))
    await using oci = await open()
    expect(await oci.tags(registry.reference("app"))).toHaveLength(250)
  })

  test("of a repository that is not there are an error", async () => {
    await using registry = await startRegistry()
    await using oci = await open()
    expect(await reasonOf(oci.tags(registry.reference("none")))).toMatchObject({ _tag: "ManifestNotFound" })
  })

  test("end at the limits", async () => {
    await using registry = await many(10)
    for (const [limit, value] of [
      ["listItems", 95],
      ["listPages", 3],
      ["listBytes", 400]
    ] as const) {
      await using oci = await open({ limits: { [limit]: value } })
      expect(await reasonOf(oci.tags(registry.reference("app")))).toMatchObject({ _tag: "LimitExceeded", limit })
    }
  })

  const page = (tags: ReadonlyArray<string>) => JSON.stringify({ name: "app", tags })
  const hostile: Readonly<Record<string, readonly [headers: object, body: string, expected: object]>> = {
    "pages that lead back": [
      { link: '</v2/app/tags/list?last=a>; rel="next"' },
      page(["a"]),
      { _tag: "InvalidResponse" }
    ],
    "a page that is too large": [
      {},
      page(["a".repeat(5 * 2 ** 20)]),
      { _tag: "LimitExceeded", limit: "documentBytes" }
    ],
    "what is not a list": [{}, '{"tags":{"a":1}}', { _tag: "InvalidResponse" }],
    "what is not JSON": [{}, "<html>", { _tag: "InvalidResponse" }]
  }
  for (const [name, [headers, body, expected]] of Object.entries(hostile))
    it.live(`refuse ${name}`, () =>
      Effect.gen(function* () {
        const served = yield* serve((_, response) => void response.writeHead(200, { ...headers }).end(body))
        const error = yield* Puller.use((puller) => Effect.flip(puller.tags(`${served.host}/app`))).pipe(
          Effect.provide(Puller.layer({ retry: { times: 0 } }))
        )
        expect(error.reason).toMatchObject(expected)
        expect(served.requests.length).toBeLessThanOrEqual(2)
      })
    )

  it.live("pages without end, each another, end at the limit", () =>
    Effect.gen(function* () {
      let n = 0
      const served = yield* serve((_, response) => {
        const link = `</v2/app/tags/list?last=${++n}>; rel="next"`
        response.writeHead(200, { link }).end(page([]))
      })
      const error = yield* Puller.use((puller) => Effect.flip(puller.tags(`${served.host}/app`))).pipe(
        Effect.provide(Puller.layer({ limits: { listPages: 20 } }))
      )
      expect(error.reason).toMatchObject({ _tag: "LimitExceeded", limit: "listPages" })
      expect(served.requests).toHaveLength(20)
    })
  )

  it.live("ask the next page of the list's own path, whatever path the link has", () =>
    Effect.gen(function* () {
      const served = yield* serve((request, response) => {
        const last = request.url?.includes("last=") === true
        response.writeHead(200, last ? {} : { link: '</v2/secret/manifests/x?last=a#y>; rel="next"' })
        response.end(page([last ? "b" : "a"]))
      })
      const tags = yield* Puller.use((puller) => puller.tags(`${served.host}/app`)).pipe(
        Effect.provide(Puller.layer({}))
      )
      expect(tags).toEqual(["a", "b"])
      expect(served.requests.map(({ url }) => url)).toEqual(["/v2/app/tags/list?n=1000", "/v2/app/tags/list?last=a"])
    })
  )
})

describe("referrers", () => {
  const refer = (registry: TestRegistry, artifactType: string) => {
    const config = registry.addBlob("app", Buffer.from("{}"))
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.oci.manifest,
      artifactType,
      config: { mediaType: "application/vnd.oci.empty.v1+json", digest: config, size: 2 },
      layers: [],
      subject: { mediaType: both.mediaType, digest: both.digest, size: both.size },
      annotations: { of: artifactType }
    }
    const bytes = Buffer.from(JSON.stringify(manifest))
    const digest = registry.addDocument("app", bytes, mediaTypes.oci.manifest)
    return {
      digest,
      mediaType: mediaTypes.oci.manifest,
      size: bytes.length,
      artifactType,
      annotations: { of: artifactType }
    }
  }

  test("are asked of the API, by the digest behind the tag, and filtered", async () => {
    await using registry = await startRegistry({ images: { "app:1": both } })
    const [sbom, signature] = [refer(registry, "a/sbom"), refer(registry, "a/signature")]
    await using oci = await open()
    expect(await oci.referrers(registry.reference("app:1"))).toEqual([sbom, signature])
    expect(await oci.referrers(registry.reference("app:1"), { artifactType: "a/sbom" })).toEqual([sbom])
    expect(await oci.referrers(registry.reference(`app@${amd64.digest}`))).toEqual([])
  })

  test("are read from the fallback tag where there is no API, and filtered", async () => {
    await using registry = await startRegistry({ images: { "app:1": both }, referrers: false })
    const [sbom, signature] = [refer(registry, "a/sbom"), refer(registry, "a/signature")]
    await using oci = await open()
    expect(await oci.referrers(registry.reference("app:1"))).toEqual([])
    const index = { schemaVersion: 2, mediaType: mediaTypes.oci.index, manifests: [sbom, signature] }
    const tag = both.digest.replace(":", "-")
    registry.addDocument("app", Buffer.from(JSON.stringify(index)), mediaTypes.oci.index, tag)
    expect(await oci.referrers(registry.reference("app:1"))).toEqual([sbom, signature])
    expect(await oci.referrers(registry.reference("app:1"), { artifactType: "a/signature" })).toEqual([signature])
    const first = await firstValueFrom(oci.referrers$(registry.reference("app:1")))
    expect(first).toEqual(sbom)
  })

  test("are at most 8 192 on one page", async () => {
    await using registry = await startRegistry({ images: { "app:1": both } })
    for (let at = 0; at < 8192; at++) refer(registry, `a/${at}`)
    await using oci = await open()
    expect(await oci.referrers(registry.reference("app:1"))).toHaveLength(8192)
    refer(registry, "a/8192")
    expect(await reasonOf(oci.referrers(registry.reference("app:1")))).toMatchObject({ _tag: "InvalidResponse" })
  })

  test("have the same bounds under the fallback tag, and one of their keys", async () => {
    await using registry = await startRegistry({ images: { "app:1": both }, referrers: false })
    await using oci = await open()
    const least = { digest: amd64.digest, size: 1 }
    const typed = { ...least, mediaType: mediaTypes.oci.manifest }
    const seven = { ...typed, artifactType: "a/b", annotations: { a: "", b: "" } }
    const listed = async (...manifests: ReadonlyArray<unknown>) => {
      const index = { schemaVersion: 2, mediaType: mediaTypes.oci.index, manifests }
      const tag = both.digest.replace(":", "-")
      registry.addDocument("app", Buffer.from(JSON.stringify(index)), mediaTypes.oci.index, tag)
      return await oci.referrers(registry.reference("app:1"))
    }
    expect(await listed(...Array(8192).fill(least))).toHaveLength(8192)
    expect(await reasonOf(listed(...Array(8193).fill(least)))).toMatchObject({ _tag: "InvalidManifest" })
    // With the index's own three: 50 000 keys.
    const many = Array(7142).fill(seven)
    expect(await listed(...many, typed)).toHaveLength(7143)
    expect(await reasonOf(listed(...many, { ...typed, artifactType: "a/b" }))).toMatchObject({
      _tag: "InvalidResponse"
    })
  })

  test("of a registry that is in trouble are an error, not an empty list", async () => {
    await using registry = await startRegistry({ images: { "app:1": both } })
    registry.fault({ kind: "referrers" }, fault.status(500))
    await using oci = await open({ retry: { times: 1, base: 1, cap: 1 } })
    expect(await reasonOf(oci.referrers(registry.reference("app:1")))).toMatchObject({ _tag: "RegistryError" })
  })
})
