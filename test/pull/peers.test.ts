/** A fleet's peers as mirrors, by the hosts.toml that docs/fleets.md gives. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { PullEvent } from "../../src/api/events.ts"
import { image, Prng, startRegistry, type TestImage, type TestRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"
import { type Peer, type PeerContent, startDragonfly, startSpegel } from "./peers.ts"

let made: TestImage
let home: string
const page = await readFile(new URL("../../docs/fleets.md", import.meta.url), "utf8")

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-peers-"))
  made = await image({
    layers: [{ files: { "srv/data": new Prng("peers").bytes(100_000) } }, { files: { "etc/b": "b\n" } }]
  })
})
afterAll(() => rm(home, { recursive: true }))

/** The page's hosts.toml for a host, with the addresses of this test. */
const recipe = (heading: string, addresses: Readonly<Record<string, string>>): string => {
  const section = page.slice(page.indexOf(`## ${heading}`))
  const [, toml = ""] = /```toml\n(.*?)```/s.exec(section) ?? []
  let text = toml
  for (const [from, to] of Object.entries(addresses)) {
    expect(text, heading).toContain(from)
    text = text.replaceAll(from, to)
  }
  return text
}

const withHosts = async (registry: string, toml: string) => {
  const directory = await mkdtemp(join(home, "hosts-"))
  await mkdir(join(directory, registry))
  await writeFile(join(directory, registry, "hosts.toml"), toml)
  return directory
}

/** All of an image, as a node of a cluster has it. */
const contentOf = async (registry: TestRegistry, tag: string): Promise<PeerContent> => {
  const blobs = new Map([...made.documents].map(([digest, it]) => [digest, { ...it, bytes: Buffer.from(it.bytes) }]))
  for (const digest of made.blobs.keys()) {
    const answer = await fetch(`${registry.origin}/v2/app/blobs/${digest}`)
    blobs.set(digest, { mediaType: "application/octet-stream", digest, bytes: Buffer.from(await answer.arrayBuffer()) })
  }
  registry.log.clear()
  return { blobs, tags: new Map([[`${registry.host}/app:${tag}`, made.digest]]) }
}

const pull = async (origin: TestRegistry, directory: string) => {
  await using oci = await open({ hostsDirs: [directory] })
  const events: Array<PullEvent> = []
  const pulled = await oci.pull(origin.reference("app:1"), { onEvent: (event) => void events.push(event) })
  expect(pulled.digest).toBe(made.digest)
  return events.filter(({ _tag }) => _tag === "Warning").map((it) => (it._tag === "Warning" ? it.code : ""))
}

describe("Spegel", () => {
  const through = async (peer: Peer, origin: TestRegistry) =>
    pull(
      origin,
      await withHosts(
        origin.host,
        recipe("Spegel", { "http://127.0.0.1:30020": peer.origin, "https://ghcr.io": origin.origin })
      )
    )

  test("serves what another node has, and the registry is not asked", async () => {
    await using origin = await startRegistry({ images: { "app:1": made } })
    await using peer = await startSpegel(await contentOf(origin, "1"))
    expect(await through(peer, origin)).toEqual([])
    expect(origin.log.all).toEqual([])
    expect(peer.requests.every(({ url }) => url.endsWith(`?ns=${encodeURIComponent(origin.host)}`))).toBe(true)
  })

  test("says that no node has it, and the registry serves it", async () => {
    await using origin = await startRegistry({ images: { "app:1": made } })
    await using peer = await startSpegel({ blobs: new Map(), tags: new Map() })
    expect((await through(peer, origin)).every((code) => code === "MirrorFailed")).toBe(true)
    expect(peer.requests.every(({ status }) => status === 404)).toBe(true)
    expect(origin.log.count({ kind: "blob" })).toBe(3)
  })

  test("may lose the last node in the midst of a layer, which goes on where it broke", async () => {
    await using origin = await startRegistry({ images: { "app:1": made } })
    await using peer = await startSpegel(await contentOf(origin, "1"), { breaksAfter: 20_000 })
    await through(peer, origin)
    const layer = made.manifests[0]?.layers[0]
    const ranges = [...origin.log.ranges(layer?.digest ?? "")]
    expect(ranges.every(([start]) => start >= 20_000)).toBe(true)
  })

  test("asks for a login without a challenge: the header of hosts.toml has it", async () => {
    await using origin = await startRegistry({ images: { "app:1": made } })
    const userinfo = { username: "node", password: "secret" }
    await using peer = await startSpegel(await contentOf(origin, "1"), { userinfo })
    const basic = Buffer.from("node:secret").toString("base64")
    const toml = `server = '${origin.origin}'\n[host.'${peer.origin}']\ncapabilities = ['pull', 'resolve']\ndial_timeout = '200ms'\n[host.'${peer.origin}'.header]\nAuthorization = 'Basic ${basic}'\n`
    expect(await pull(origin, await withHosts(origin.host, toml))).toEqual([])
    expect(origin.log.all).toEqual([])
  })
})

describe("Dragonfly", () => {
  const tomlOf = (peer: Peer, origin: TestRegistry) =>
    recipe("Dragonfly", { "http://127.0.0.1:4001": peer.origin, "https://ghcr.io": origin.origin })

  test.each(["header", "ns"])("passes requests on to the registry that the %s names", async (way) => {
    await using origin = await startRegistry({ images: { "app:1": made } })
    await using peer = await startDragonfly({
      address: "http://127.0.0.1:1",
      registries: { [origin.host]: origin.origin }
    })
    const toml = tomlOf(peer, origin)
    const without = toml.replace(/^.*header.*\n|^.*X-Dragonfly-Registry.*\n/gm, "")
    expect(await pull(origin, await withHosts(origin.host, way === "header" ? toml : without))).toEqual([])
    expect(peer.requests.length).toBe(origin.log.count())
    expect(peer.requests.every(({ status }) => status === 200)).toBe(true)
  })

  test("passes on a registry's challenge: its token is fetched, and the mirror is asked with it", async () => {
    await using origin = await startRegistry({ images: { "app:1": made }, auth: { type: "bearer" } })
    await using peer = await startDragonfly({ address: origin.origin, registries: {} })
    expect(await pull(origin, await withHosts(origin.host, tomlOf(peer, origin)))).toEqual([])
    expect(origin.log.count({ kind: "token" })).toBeGreaterThan(0)
    expect(peer.requests.length).toBe(origin.log.count() - origin.log.count({ kind: "token" }))
  })

  test("limits requests without saying for how long, and the registry serves the rest", async () => {
    await using origin = await startRegistry({ images: { "app:1": made } })
    await using peer = await startDragonfly({ address: origin.origin, registries: {}, most: 2 })
    expect(new Set(await pull(origin, await withHosts(origin.host, tomlOf(peer, origin))))).toEqual(
      new Set(["MirrorFailed"])
    )
  })

  test("refuses who has no login at the proxy, with an empty answer, and the registry serves all", async () => {
    await using origin = await startRegistry({ images: { "app:1": made } })
    await using peer = await startDragonfly({ address: origin.origin, registries: {}, isLocked: true })
    expect(new Set(await pull(origin, await withHosts(origin.host, tomlOf(peer, origin))))).toEqual(
      new Set(["MirrorFailed"])
    )
    expect(origin.log.count({ kind: "blob" })).toBe(3)
  })
})

const caches = {
  Distribution: { address: "http://cache.example.com:5000", path: "" },
  Harbor: { address: "https://harbor.example.com", path: "dockerhub/" },
  "Amazon ECR": { address: "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com", path: "docker-hub/" },
  "Artifact Registry": { address: "https://europe-west3-docker.pkg.dev", path: "my-project/docker-hub/" }
}
test.each(Object.entries(caches))(
  "%s is asked for Docker Hub's images under its own path",
  async (heading, { address, path }) => {
    await using cache = await startRegistry({ images: { [`${path}library/alpine:3.20`]: made } })
    const directory = await withHosts("docker.io", recipe(heading, { [address]: cache.origin }))
    await using oci = await open({ hostsDirs: [directory], timeouts: { total: 30_000 } })
    const pulled = await oci.pull("alpine:3.20")
    expect(pulled).toMatchObject({ reference: "docker.io/library/alpine:3.20", digest: made.digest })
    expect(
      cache.log.all.every(({ path: asked, status }) => asked.startsWith(`/v2/${path}library/alpine/`) && status === 200)
    ).toBe(true)
  }
)
