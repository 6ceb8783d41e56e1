import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { describe, expect } from "vitest"
import type { PullEvent } from "../../src/api/events.ts"
import { dockerIndex, dockerManifest } from "../../src/image/mediaTypes.ts"
import { format, parse } from "../../src/image/reference/Reference.ts"
import { Registry } from "../../src/registry/Registry.ts"
import { it } from "../support/effect.ts"
import { descriptor, image, index, part, registry } from "./images.ts"
import { type Handler, serve } from "./server.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const arm64 = { os: "linux", architecture: "arm64", variant: "v8" }
const noRetry = { retry: { times: 0 } }

const resolving = (
  handler: Handler,
  options: {
    readonly name?: string
    readonly platform?: typeof amd64
    readonly limits?: object
    readonly retry?: object
  } = {}
) =>
  Effect.gen(function* () {
    const served = yield* serve(handler)
    const events: Array<PullEvent> = []
    const reference = yield* parse(`${served.host}/org/app${options.name ?? ":1"}`)
    const exit = yield* Effect.result(
      Registry.use((it) => it.resolve(reference, options.platform ?? amd64, (event) => void events.push(event))).pipe(
        Effect.provide(Registry.layer({ ...noRetry, ...options }))
      )
    )
    return { served, events, exit, reference }
  })

const failing = (handler: Handler, options?: Parameters<typeof resolving>[1]) =>
  Effect.map(resolving(handler, options), ({ exit }) => {
    if (exit._tag === "Success") throw new Error("it succeeded")
    return exit.failure
  })

const succeeding = (handler: Handler, options?: Parameters<typeof resolving>[1]) =>
  Effect.map(resolving(handler, options), ({ exit, ...rest }) => {
    if (exit._tag === "Failure") throw exit.failure
    return { image: exit.success, ...rest }
  })

const [app, arm] = [image(amd64), image(arm64)]
const attestation = image({ os: "unknown", architecture: "unknown" }, { text: "provenance" })
const both = index([
  descriptor(attestation.manifest, { platform: { os: "unknown", architecture: "unknown" } }),
  descriptor(image(amd64, { text: "annotated" }).manifest, {
    platform: amd64,
    annotations: { "vnd.docker.reference.type": "attestation-manifest" }
  }),
  descriptor(app.manifest, { platform: amd64 }),
  descriptor(arm.manifest, { platform: arm64 })
])
const whole = registry([...app.parts, ...arm.parts, both], { 1: both })

describe("a reference resolves to", () => {
  it.live("the manifest of its index that is for the platform, and no attestation", () =>
    Effect.gen(function* () {
      const { image: found, reference, events } = yield* succeeding(whole)
      expect(found.reference).toEqual(reference)
      expect(found.digest).toBe(both.digest)
      expect(found.index?.descriptor).toEqual(descriptor(both))
      expect(found.manifest.descriptor).toEqual(descriptor(app.manifest))
      expect(Buffer.from(found.config.bytes)).toEqual(app.config.bytes)
      expect(found.platform).toEqual(amd64)
      expect(found.layers).toEqual([
        { ...descriptor(app.layers[0] ?? both), diffId: found.config.value.rootfs.diff_ids[0] }
      ])
      expect(events).toEqual([])
    })
  )

  it.live("another manifest for another platform, whose default variant is left out", () =>
    Effect.gen(function* () {
      const { image: found } = yield* succeeding(whole, { platform: { os: "linux", architecture: "arm64" } })
      expect(found.manifest.descriptor.digest).toBe(arm.manifest.digest)
      expect(found.platform).toEqual({ os: "linux", architecture: "arm64" })
    })
  )

  it.live("an image of Docker's types", () =>
    Effect.gen(function* () {
      const config = part("application/vnd.docker.container.image.v1+json", {
        ...amd64,
        rootfs: { diff_ids: null },
        history: null
      })
      const manifest = part(dockerManifest, {
        schemaVersion: 2,
        mediaType: dockerManifest,
        config: descriptor(config),
        layers: null
      })
      const list = index([descriptor(manifest, { platform: amd64 })], {}, dockerIndex)
      const { image: found } = yield* succeeding(registry([config, manifest, list], { 1: list }))
      expect(found.layers).toEqual([])
      expect(found.index?.descriptor.mediaType).toBe(dockerIndex)
    })
  )

  it.live("an image without an index, its platform told by its config", () =>
    Effect.gen(function* () {
      const { image: found, events } = yield* succeeding(registry(app.parts, { 1: app.manifest }))
      expect(found.index).toBeUndefined()
      expect(found.digest).toBe(app.manifest.digest)
      expect(found.platform).toEqual(amd64)
      expect(events).toEqual([])
    })
  )

  it.live("an image without an index for another platform, with a warning", () =>
    Effect.gen(function* () {
      const { image: found, events } = yield* succeeding(registry(arm.parts, { 1: arm.manifest }))
      expect(found.platform).toEqual({ os: "linux", architecture: "arm64" })
      expect(events).toMatchObject([{ _tag: "Warning", code: "PlatformMismatch" }])
    })
  )

  it.live("what its digest pins, whatever the tag names now", () =>
    Effect.gen(function* () {
      const { served, image: found } = yield* succeeding(whole, { name: `:old@${both.digest}` })
      expect(found.digest).toBe(both.digest)
      expect(served.requests[0]?.url).toBe(`/v2/org/app/manifests/${both.digest}`)
    })
  )

  it.live("an image behind indexes within the index, and behind entries that tell no platform", () =>
    Effect.gen(function* () {
      const inner = index([descriptor(arm.manifest), descriptor(app.manifest)])
      const outer = index([descriptor(inner)])
      const { image: found } = yield* succeeding(registry([...app.parts, ...arm.parts, inner, outer], { 1: outer }))
      expect(found.manifest.descriptor.digest).toBe(app.manifest.digest)
      expect(found.digest).toBe(outer.digest)
    })
  )

  it.live("layers in manifest order, repeats kept", () =>
    Effect.gen(function* () {
      const layers = [1, 2].map((n) => part("application/vnd.oci.image.layer.v1.tar", Buffer.from(`layer ${n}`)))
      const order = [...layers, ...layers]
      const twice = image(amd64, {
        manifest: { layers: order.map((layer) => descriptor(layer)) },
        config: { rootfs: { type: "layers", diff_ids: order.map(({ digest }) => digest) } }
      })
      const { image: found } = yield* succeeding(registry(twice.parts, { 1: twice.manifest }))
      expect(found.layers.map(({ digest }) => digest)).toEqual(order.map(({ digest }) => digest))
    })
  )
})

describe("resolving refuses", () => {
  it.live("a platform that is not offered, and says which are", () =>
    Effect.gen(function* () {
      const error = yield* failing(whole, { platform: { os: "linux", architecture: "s390x" } })
      expect(error).toMatchObject({
        _tag: "PlatformNotFound",
        wanted: "linux/s390x",
        offered: ["linux/amd64", "linux/arm64"]
      })
    })
  )

  it.live("bytes that are not what their digest says, at each step", () =>
    Effect.gen(function* () {
      for (const victim of [both, app.manifest, app.config]) {
        const forged = {
          ...victim,
          bytes: Buffer.from(
            victim.bytes.toString().replace("linux", "Linux").replace('schemaVersion":2', 'schemaVersion":3')
          )
        }
        const parts = [...app.parts, both].filter((it) => it !== victim)
        const error = yield* failing(registry([...parts, forged], {}), { name: `@${both.digest}` })
        expect(error).toMatchObject({ _tag: "DigestMismatch", expected: victim.digest })
      }
    })
  )

  it.live("a tag whose bytes are not those that the registry meant", () =>
    Effect.gen(function* () {
      const error = yield* failing(
        registry([], { 1: { ...app.manifest, bytes: Buffer.concat([app.manifest.bytes, Buffer.from(" ")]) } })
      )
      expect(error._tag).toBe("DigestMismatch")
    })
  )

  it.live("a document of another size than its descriptor says", () =>
    Effect.gen(function* () {
      for (const wrong of [-1, 1]) {
        const lying = index([descriptor(app.manifest, { platform: amd64, size: app.manifest.size + wrong })])
        const error = yield* failing(registry([...app.parts, lying], { 1: lying }))
        expect(error).toMatchObject({ _tag: "SizeMismatch", expected: app.manifest.size + wrong })
      }
    })
  )

  it.live("a document above the limit, by its length or by its bytes, and takes one at the limit", () =>
    Effect.gen(function* () {
      const at = { limits: { documentBytes: app.manifest.size } }
      const below = { limits: { documentBytes: app.manifest.size - 1 } }
      const single = registry(app.parts, { 1: app.manifest })
      const chunked: Handler = (_, response) => {
        response.writeHead(200, { "content-type": app.manifest.mediaType })
        response.write(app.manifest.bytes)
        response.end()
      }
      expect(app.config.size).toBeLessThan(app.manifest.size)
      expect((yield* succeeding(single, at)).image.digest).toBe(app.manifest.digest)
      for (const handler of [single, chunked])
        expect(yield* failing(handler, below)).toMatchObject({ _tag: "LimitExceeded", limit: "documentBytes" })
    })
  )

  it.live("what could be both an index and a manifest (CVE-2021-41190)", () =>
    Effect.gen(function* () {
      const two = part(app.manifest.mediaType, { ...JSON.parse(app.manifest.bytes.toString()), manifests: [] })
      const called = { ...app.manifest, mediaType: both.mediaType }
      const untyped = part("application/json", { schemaVersion: 2, manifests: [], config: {}, layers: [] })
      for (const document of [two, called, untyped]) {
        const error = yield* failing(registry(app.parts, { 1: document }))
        expect(error._tag).toBe("InvalidManifest")
      }
    })
  )

  it.live("Docker's schema 1 and artifacts, by name", () =>
    Effect.gen(function* () {
      const schema1 = part("application/vnd.docker.distribution.manifest.v1+prettyjws", {
        schemaVersion: 1,
        fsLayers: []
      })
      const chart = image(amd64, {
        text: "chart",
        config: { os: undefined, architecture: undefined, rootfs: undefined, name: "chart", version: "1.0.0" }
      })
      const called = { ...descriptor(chart.config), mediaType: "application/vnd.cncf.helm.config.v1+json" }
      const manifest = part(chart.manifest.mediaType, {
        ...JSON.parse(chart.manifest.bytes.toString()),
        config: called
      })
      expect(yield* failing(registry([], { 1: schema1 }))).toMatchObject({
        _tag: "UnsupportedMediaType",
        mediaType: schema1.mediaType
      })
      expect(yield* failing(registry(chart.parts, { 1: manifest }))).toMatchObject({
        _tag: "NotAnImage",
        artifactType: "application/vnd.cncf.helm.config.v1+json"
      })
    })
  )

  it.live("as many layers as are not diff ids", () =>
    Effect.gen(function* () {
      for (const diffIds of [[], [app.config.digest, app.config.digest]]) {
        const odd = image(amd64, { config: { rootfs: { diff_ids: diffIds } } })
        const error = yield* failing(registry(odd.parts, { 1: odd.manifest }))
        expect(error).toMatchObject({
          _tag: "InvalidManifest",
          problem: `the manifest has 1 layer, but the config has ${diffIds.length} diff IDs`
        })
      }
    })
  )

  it.live("a layer that no known algorithm proves, and a digest that is a path", () =>
    Effect.gen(function* () {
      const layer = (digest: string) => image(amd64, { manifest: { layers: [{ mediaType: "x", size: 1, digest }] } })
      const [blake, path] = [layer("blake3:abcdef"), layer("sha256:../../escape")]
      expect((yield* failing(registry(blake.parts, { 1: blake.manifest })))._tag).toBe("UnsupportedDigest")
      expect((yield* failing(registry(path.parts, { 1: path.manifest })))._tag).toBe("InvalidManifest")
    })
  )

  it.live("indexes without end", () =>
    Effect.gen(function* () {
      let nested = index([descriptor(app.manifest, { platform: amd64 })])
      const parts = [...app.parts, nested]
      for (let depth = 0; depth < 4; depth++) {
        nested = index([descriptor(nested)])
        parts.push(nested)
      }
      expect((yield* failing(registry(parts, { 1: nested })))._tag).toBe("InvalidManifest")
      const wide = Array.from({ length: 40 }, (_, n) => image({ os: "linux", architecture: `a${n}` }))
      const broad = index(wide.map(({ manifest }) => descriptor(manifest)))
      const error = yield* failing(registry([broad, ...wide.flatMap(({ parts: all }) => all)], { 1: broad }))
      expect(error.message).toContain("more than 32 documents")
    })
  )

  it.live("with the registry's own words, made printable", () =>
    Effect.gen(function* () {
      const saying =
        (status: number, body: string, type = "application/json"): Handler =>
        (_, response) =>
          void response.writeHead(status, { "content-type": type }).end(body)
      const envelope = JSON.stringify({
        errors: [{ code: "NAME_UNKNOWN", message: "no\u001b[31msuch\u0007repository" }]
      })
      expect(yield* failing(saying(404, envelope))).toMatchObject({
        _tag: "ManifestNotFound",
        code: "NAME_UNKNOWN",
        detail: "no [31msuch repository"
      })
      expect(yield* failing(saying(403, JSON.stringify({ message: "go away" })))).toMatchObject({
        _tag: "AccessDenied",
        authenticated: false,
        detail: "go away"
      })
      expect(yield* failing(saying(429, "<html>"))).toMatchObject({ _tag: "RateLimited" })
      expect(yield* failing(saying(400, "plain words", "text/plain"))).toMatchObject({
        _tag: "RegistryError",
        status: 400,
        detail: "plain words"
      })
      expect(yield* failing(saying(418, JSON.stringify({ errors: [{ code: "X".repeat(70_000) }] })))).toMatchObject({
        _tag: "RegistryError",
        status: 418
      })
      expect(yield* failing(saying(200, "<html>login</html>", "text/html"))).toMatchObject({ _tag: "InvalidResponse" })
    })
  )
})

describe("the digest of a tag", () => {
  it.live("is asked for by HEAD, and computed where the registry does not tell it", () =>
    Effect.gen(function* () {
      const headless: Handler = (request, response, served) => {
        if (request.method === "HEAD") response.writeHead(405).end()
        else whole(request, response, served)
      }
      for (const [handler, methods] of [
        [whole, ["HEAD"]],
        [headless, ["HEAD", "GET"]]
      ] as const) {
        const served = yield* serve(handler)
        const reference = yield* parse(`${served.host}/org/app:1`)
        const digest = yield* Registry.use((it) => it.digest(reference, () => undefined)).pipe(
          Effect.provide(Registry.layer(noRetry))
        )
        expect(digest).toBe(both.digest)
        expect(served.requests.map(({ method }) => method)).toEqual(methods)
      }
    })
  )
})

describe("a request that fails in passing", () => {
  it.effect("is tried again, as late as the registry asks, and each retry is told", () =>
    Effect.gen(function* () {
      const answers = [503, 429]
      const flaky: Handler = (request, response, served) => {
        const status = answers.shift()
        if (status === undefined) return whole(request, response, served)
        response.writeHead(status, status === 429 ? { "retry-after": "7" } : {}).end()
      }
      const events: Array<PullEvent> = []
      const served = yield* serve(flaky)
      const reference = yield* parse(`${served.host}/org/app:1`)
      const fiber = yield* Registry.use((it) => it.resolve(reference, amd64, (event) => void events.push(event))).pipe(
        Effect.provide(Registry.layer()),
        Effect.forkChild
      )
      const told = (count: number) =>
        TestClock.withLive(
          Effect.promise(async () => {
            while (events.length < count) await new Promise((resolve) => setImmediate(resolve))
          })
        )
      yield* told(1)
      yield* TestClock.adjust(1000)
      yield* told(2)
      yield* TestClock.adjust(6999)
      expect(served.requests).toHaveLength(2)
      yield* TestClock.adjust(1)
      expect(format((yield* Fiber.join(fiber)).reference)).toBe(format(reference))
      expect(events).toMatchObject([
        { _tag: "Retrying", attempt: 1, reason: "RegistryError" },
        { _tag: "Retrying", attempt: 2, reason: "RateLimited", delay: 7000 }
      ])
    })
  )

  it.live("fails with its reason when the retries are used up, and at once where retrying is no use", () =>
    Effect.gen(function* () {
      const retry = { times: 2, base: 1, cap: 1 }
      const down = yield* resolving((_, response) => void response.writeHead(502).end(), { retry })
      expect(down.served.requests).toHaveLength(3)
      expect(down.events).toHaveLength(2)
      const gone = yield* resolving((_, response) => void response.writeHead(404).end(), { retry })
      expect(gone.served.requests).toHaveLength(1)
      const cut = yield* resolving((request) => void request.socket.destroy(), { retry })
      expect(cut.served.requests).toHaveLength(3)
      expect(cut.exit).toMatchObject({ _tag: "Failure", failure: { _tag: "RegistryUnreachable" } })
    })
  )
})
