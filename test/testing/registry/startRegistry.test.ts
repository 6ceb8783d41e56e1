import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { TestImage, TestRegistry } from "../../../src/testing/index.ts"
import {
  bigLayer,
  collect,
  contentOfGenerator,
  digestOf,
  image,
  imageIndex,
  mediaTypes,
  startRegistry
} from "../../../src/testing/index.ts"
import { get } from "../support.ts"

const json = (body: Buffer) => JSON.parse(body.toString())

describe("documents", () => {
  let oci: TestImage
  let docker: TestImage
  let registry: TestRegistry
  beforeAll(async () => {
    oci = await image()
    docker = imageIndex(
      [await image({ format: "docker", platform: "linux/arm64" }), await image({ format: "docker" })],
      { format: "docker" }
    )
    registry = await startRegistry({ images: { "org/app:oci": oci, "org/app:docker": docker } })
  })
  afterAll(() => registry.close())
  const manifest = (reference: string, accept: string, method = "GET") =>
    get(`${registry.origin}/v2/org/app/manifests/${reference}`, accept === "" ? {} : { accept }, method)

  test("the ping is answered", async () => {
    const { status, headers } = await get(`${registry.origin}/v2/`)
    expect(status).toBe(200)
    expect(headers["docker-distribution-api-version"]).toBe("registry/2.0")
  })
  test("a tag and the digest it names give the same bytes, and these have that digest", async () => {
    const byTag = await manifest("oci", mediaTypes.oci.manifest)
    const byDigest = await manifest(oci.digest, mediaTypes.oci.manifest)
    expect(byTag.status).toBe(200)
    expect(byTag.headers["docker-content-digest"]).toBe(oci.digest)
    expect(byTag.headers["content-type"]).toBe(mediaTypes.oci.manifest)
    expect(digestOf(byTag.body)).toBe(oci.digest)
    expect(byDigest.body).toEqual(byTag.body)
  })
  test("HEAD has the headers of GET and no body", async () => {
    const { status, headers, body } = await manifest("oci", mediaTypes.oci.manifest, "HEAD")
    expect([status, headers["docker-content-digest"], headers["content-length"], body.length]).toEqual([
      200,
      oci.digest,
      String(oci.size),
      0
    ])
  })
  test("an OCI manifest is not found by who does not accept its type, and found among several", async () => {
    const refused = await manifest("oci", "*/*")
    expect(refused.status).toBe(404)
    expect(json(refused.body).errors[0].code).toBe("MANIFEST_UNKNOWN")
    expect((await manifest("oci", `text/plain;q=0.1, ${mediaTypes.oci.manifest};q=0.9`)).status).toBe(200)
  })
  test("a Docker list under a tag becomes the amd64 manifest for who does not accept lists", async () => {
    const { headers } = await manifest("docker", mediaTypes.docker.manifest)
    expect(headers["docker-content-digest"]).toBe(docker.manifests[1]?.digest)
    expect((await manifest(docker.digest, mediaTypes.docker.manifest)).status).toBe(404)
    expect((await manifest("docker", "")).status).toBe(404)
  })
  test("without negotiation any client gets any type", async () => {
    await using lax = await startRegistry({ images: { "app:1": oci }, negotiate: false })
    expect((await get(`${lax.origin}/v2/app/manifests/1`)).status).toBe(200)
  })
  test("an unchanged manifest is 304 to who knows its ETag", async () => {
    const { status, body } = await get(`${registry.origin}/v2/org/app/manifests/oci`, {
      accept: mediaTypes.oci.manifest,
      "if-none-match": `"${oci.digest}"`
    })
    expect([status, body.length]).toEqual([304, 0])
  })
  test("what is not there is 404 with the spec's code", async () => {
    const code = async (path: string) => json((await get(`${registry.origin}${path}`)).body).errors[0].code
    expect(await code("/v2/org/app/manifests/none")).toBe("MANIFEST_UNKNOWN")
    expect(await code("/v2/none/manifests/latest")).toBe("NAME_UNKNOWN")
    expect(await code(`/v2/org/app/blobs/sha256:${"0".repeat(64)}`)).toBe("BLOB_UNKNOWN")
    expect((await get(`${registry.origin}/v2/org/app/blobs/uploads`, {}, "POST")).status).toBe(405)
  })
})

test("a path that makes no sense is not found", async () => {
  await using registry = await startRegistry()
  const { hostname, port } = new URL(registry.origin)
  for (const path of ["//", "/v2/%zz/blobs/%zz", "/v2/a/blobs/", "/v2//manifests/x", "/?a?b", "/v2/a/b/c"]) {
    const status = await new Promise((resolve, reject) => {
      const outgoing = request({ hostname, port, path, agent: false }, (response) =>
        resolve(response.resume().statusCode)
      )
      outgoing.on("error", reject)
      outgoing.end()
    })
    expect(status, path).toBe(404)
  }
})

describe("blobs", () => {
  const bytes = Buffer.from("0123456789")
  let registry: TestRegistry
  let url: string
  beforeAll(async () => {
    registry = await startRegistry()
    url = `${registry.origin}/v2/app/blobs/${registry.addBlob("app", bytes)}`
  })
  afterAll(() => registry.close())

  test.each([
    ["bytes=0-", 206, "0123456789", "bytes 0-9/10"],
    ["bytes=4-", 206, "456789", "bytes 4-9/10"],
    ["bytes=2-4", 206, "234", "bytes 2-4/10"],
    ["bytes=9-100", 206, "9", "bytes 9-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=-100", 206, "0123456789", "bytes 0-9/10"],
    ["bytes=1-2,4-5", 200, "0123456789", undefined],
    ["bytes=4-2", 200, "0123456789", undefined],
    ["lines=1-2", 200, "0123456789", undefined],
    ["bytes=10-", 416, undefined, "bytes */10"],
    ["bytes=-0", 416, undefined, "bytes */10"]
  ])("Range %s is answered %i", async (range, status, text, contentRange) => {
    const got = await get(url, { range })
    expect(got.status).toBe(status)
    expect(got.headers["content-range"]).toBe(contentRange)
    if (text === undefined) return
    expect(got.body.toString()).toBe(text)
    expect(got.headers["content-length"]).toBe(String(text.length))
  })
  test("HEAD tells size and digest", async () => {
    const { headers, body } = await get(url, {}, "HEAD")
    expect([
      headers["content-length"],
      headers["docker-content-digest"],
      headers["accept-ranges"],
      body.length
    ]).toEqual(["10", digestOf(bytes), "bytes", 0])
  })
  test("with storage, a blob is redirected to another origin, which knows whether credentials came along", async () => {
    await using stored = await startRegistry({ storage: { strict: true, status: 302 } })
    const digest = stored.addBlob("app", bytes)
    const { status, headers } = await get(`${stored.origin}/v2/app/blobs/${digest}`)
    expect(status).toBe(302)
    const location = headers.location ?? ""
    expect(location).toBe(stored.storage?.url(digest))
    expect(new URL(location).origin).not.toBe(stored.origin)
    expect((await get(location, { range: "bytes=8-" })).body.toString()).toBe("89")
    expect(stored.storage?.sawAuthorization).toBe(false)
    expect((await get(location, { authorization: "Bearer x" })).status).toBe(400)
    expect(stored.storage?.sawAuthorization).toBe(true)
  })
  test("a body is not read ahead of its reader", async () => {
    const size = 2 ** 28
    // Fresh pieces, each of them memory of its own.
    const content = await contentOfGenerator(function* () {
      for (let position = 0; position < size; position += 65_536) yield new Uint8Array(65_536)
    }, size)
    await using large = await startRegistry()
    const digest = large.addBlob("app", content, `sha256:${"0".repeat(64)}`)
    const before = process.memoryUsage()
    let peak = 0
    await new Promise<void>((resolve, reject) => {
      const outgoing = request(`${large.origin}/v2/app/blobs/${digest}`, { agent: false }, (response) => {
        // Every piece is held up for a turn: a server that did not wait would pile up the rest.
        let pieces = 0
        response.on("data", () => {
          if (pieces++ % 100 === 0) peak = Math.max(peak, process.memoryUsage().arrayBuffers - before.arrayBuffers)
          response.pause()
          setImmediate(() => response.resume())
        })
        response.on("end", resolve)
      })
      outgoing.on("error", reject)
      outgoing.end()
    })
    await large.log.settled()
    expect(large.log.all[0]).toMatchObject({ sent: size, state: "finished" })
    expect(peak).toBeLessThan(100 * 2 ** 20)
  })
})

describe("lists", () => {
  test("tags come in pages, each with a Link to the next", async () => {
    await using registry = await startRegistry({ pageSize: 2 })
    const made = await image()
    for (const tag of ["c", "a", "e", "b", "d"]) registry.add(`org/app:${tag}`, made)
    const pages: Array<ReadonlyArray<string>> = []
    for (let path: string | undefined = "/v2/org/app/tags/list"; path !== undefined; ) {
      const { headers, body } = await get(`${registry.origin}${path}`)
      pages.push(json(body).tags)
      path = /^<([^>]+)>; rel="next"$/.exec(String(headers.link ?? ""))?.[1]
    }
    expect(pages).toEqual([["a", "b"], ["c", "d"], ["e"]])
    expect(json((await get(`${registry.origin}/v2/org/app/tags/list?n=1&last=c`)).body).tags).toEqual(["d"])
    expect(json((await get(`${registry.origin}/v2/_catalog`)).body).repositories).toEqual(["org/app"])
  })
  test("referrers come in pages where that is asked for", async () => {
    await using registry = await startRegistry({ referrers: { pageSize: 2 } })
    const subject = await image()
    registry.add("app:1", subject)
    const { digest, mediaType, size } = subject
    for (const artifactType of ["a/1", "a/2", "a/3", "a/4", "a/5"])
      registry.add("app", await image({ manifest: { artifactType, subject: { digest, mediaType, size } } }))
    const pages: Array<ReadonlyArray<string>> = []
    for (let path: string | undefined = `/v2/app/referrers/${digest}`; path !== undefined; ) {
      const { headers, body } = await get(`${registry.origin}${path}`)
      pages.push(json(body).manifests.map((it: { readonly artifactType: string }) => it.artifactType))
      path = /^<([^>]+)>; rel="next"$/.exec(String(headers.link ?? ""))?.[1]
    }
    expect(pages).toEqual([["a/1", "a/2"], ["a/3", "a/4"], ["a/5"]])
  })
  test("referrers are the manifests whose subject is the digest, filtered by their type", async () => {
    await using registry = await startRegistry()
    const subject = await image()
    registry.add("app:1", subject)
    for (const artifactType of ["application/sbom", "application/signature"]) {
      const { digest, mediaType, size } = subject
      registry.add("app", await image({ manifest: { artifactType, subject: { digest, mediaType, size } } }))
    }
    const url = `${registry.origin}/v2/app/referrers/${subject.digest}`
    const all = await get(url)
    expect(all.headers["content-type"]).toBe(mediaTypes.oci.index)
    expect(json(all.body).manifests).toHaveLength(2)
    const filtered = await get(`${url}?artifactType=application/sbom`)
    expect(filtered.headers["oci-filters-applied"]).toBe("artifactType")
    expect(json(filtered.body).manifests.map((m: { artifactType: string }) => m.artifactType)).toEqual([
      "application/sbom"
    ])
    expect(json((await get(`${registry.origin}/v2/app/referrers/sha256:none`)).body).manifests).toEqual([])
  })
})

describe("layouts", () => {
  test("an OCI layout directory is served as it is", async () => {
    const directory = await mkdtemp(join(tmpdir(), "ociflow-layout-"))
    try {
      const made = await image({ nested: true, layers: [{ files: { a: "1" } }, { files: { b: "2" } }] })
      await mkdir(join(directory, "blobs", "sha256"), { recursive: true })
      const put = (digest: string, bytes: Uint8Array) =>
        writeFile(join(directory, "blobs", ...digest.split(":")), bytes)
      for (const { digest, bytes } of made.documents.values()) await put(digest, bytes)
      for (const [digest, content] of made.blobs) await put(digest, await collect(content))
      const { digest, mediaType, size } = made
      const annotations = { "org.opencontainers.image.ref.name": "v1" }
      await writeFile(join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}')
      await writeFile(
        join(directory, "index.json"),
        JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, digest, size, annotations }] })
      )
      await using registry = await startRegistry({ layouts: { "org/app": directory } })
      const root = await get(`${registry.origin}/v2/org/app/manifests/v1`, { accept: mediaTypes.oci.index })
      expect(digestOf(root.body)).toBe(made.digest)
      for (const { digest } of made.manifests[0]?.layers ?? [])
        expect(digestOf((await get(`${registry.origin}/v2/org/app/blobs/${digest}`)).body)).toBe(digest)
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})

describe("the end", () => {
  test("closing ends sockets that are in the middle of a body, and may be repeated", async () => {
    const registry = await startRegistry()
    const layer = await bigLayer({ size: 2 ** 28, compression: "none" })
    const digest = registry.addBlob("app", layer.blob, layer.layer.digest)
    const reading = get(`${registry.origin}/v2/app/blobs/${digest}`)
    await registry.log.until(({ all }) => (all[0]?.sent ?? 0) > 0)
    expect(registry.sockets()).toBe(1)
    await registry.close()
    expect((await reading).complete).toBe(false)
    expect(registry.sockets()).toBe(0)
    expect(registry.log.all[0]?.state).toBe("aborted")
    await registry.close()
    await expect(get(registry.origin)).rejects.toThrow("ECONNREFUSED")
  })
})
