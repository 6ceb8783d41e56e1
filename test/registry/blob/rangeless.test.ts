/** Hosts that refuse ranges, or answer them with something else: what was kept of a blob is of no use, and no harm. */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import { tap } from "rxjs"
import { describe, expect } from "vitest"
import { isReason } from "../../../src/api/errors.ts"
import { parse } from "../../../src/image/reference/Reference.ts"
import { drain } from "../../../src/reactive/bridge.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import { Registry, type RegistryOptions } from "../../../src/registry/Registry.ts"
import { it } from "../../support/effect.ts"
import { digestOf } from "../images.ts"
import { type Handler, serve } from "../server.ts"

const bytes = randomBytes(100_000)
const blob = { digest: digestOf(bytes), size: bytes.length }
const last = bytes.length - 1
const quick: RegistryOptions = { retry: { times: 3, base: 1, cap: 1 } }
const noRetry: RegistryOptions = { retry: { times: 0 } }

/** The bytes of a blob from `offset` on, from a place that stands as long as the scope. */
const reading = (
  host: string,
  offset: number,
  { end, ...more }: { readonly urls?: ReadonlyArray<string>; readonly size?: number; readonly end?: number } = {}
) =>
  Effect.gen(function* () {
    const reference = yield* parse(`${host}/org/app`)
    const chunks: Array<Uint8Array> = []
    const result = yield* Registry.use((registry) =>
      drain(isReason)(
        registry
          .blob$(reference, { ...blob, ...more }, new Gate(), { offset, end, emit: () => undefined })
          .pipe(tap((chunk) => chunks.push(chunk)))
      )
    ).pipe(Effect.result)
    return { received: Buffer.concat(chunks), failure: result._tag === "Failure" ? result.failure : undefined }
  })

const whole: Handler = (_, response) => void response.writeHead(200, { "content-length": bytes.length }).end(bytes)

const refusing =
  (status: number): Handler =>
  (request, response, served) =>
    request.headers.range === undefined
      ? whole(request, response, served)
      : void response.writeHead(status).end("no ranges")

const partial =
  (range: string | undefined, body: Uint8Array): Handler =>
  (request, response, served) =>
    request.headers.range === undefined
      ? whole(request, response, served)
      : void response.writeHead(206, range === undefined ? {} : { "content-range": range }).end(body)

const forms: ReadonlyArray<readonly [what: string, handler: Handler]> = [
  ...[400, 403, 404, 405, 406, 412, 416, 500, 501].map(
    (status) => [`are answered ${status}`, refusing(status)] as const
  ),
  ["are answered 206 without a Content-Range", partial(undefined, bytes.subarray(50))],
  ["are answered 206 with a Content-Range that makes no sense", partial("bytes 50-end", bytes.subarray(50))],
  [
    "are answered 206 with a Content-Range that ends before it begins",
    partial("bytes 50-49/100000", bytes.subarray(50))
  ],
  ["are answered 206 in another unit", partial(`lines 50-${last}/${bytes.length}`, bytes.subarray(50))],
  ["are answered 206 from the first byte on", partial(`bytes 0-${last}/${bytes.length}`, bytes)],
  ["are answered 206 from an earlier byte on", partial(`bytes 49-${last}/${bytes.length}`, bytes.subarray(49))],
  ["are answered 206 from a later byte on", partial(`bytes 51-${last}/${bytes.length}`, bytes.subarray(51))],
  ["are answered 206 of another blob's length", partial(`bytes 50-${last}/${bytes.length + 1}`, bytes.subarray(50))]
]

describe("where ranges", () => {
  for (const [what, handler] of forms)
    it.live(`${what}, a blob is asked for once without, and what is there of it is left out`, () =>
      Effect.gen(function* () {
        const served = yield* serve(handler)
        const { received, failure } = yield* reading(served.host, 50).pipe(Effect.provide(Registry.layer(noRetry)))
        expect(failure).toBeUndefined()
        expect(received.equals(bytes.subarray(50))).toBe(true)
        expect(served.requests.map(({ headers }) => headers.range)).toEqual(["bytes=50-", undefined])
      })
    )

  it.live("are refused, a body that was cut is gone on with; the host is not asked for ranges again", () =>
    Effect.gen(function* () {
      let cuts = 2
      const served = yield* serve((request, response, it) => {
        if (request.headers.range !== undefined) return refusing(416)(request, response, it)
        if (cuts-- <= 0) return whole(request, response, it)
        response.writeHead(200, { "content-length": bytes.length })
        response.write(bytes.subarray(0, cuts === 1 ? 50 : 500), () => request.socket.destroy())
      })
      yield* Effect.gen(function* () {
        const { received, failure } = yield* reading(served.host, 0)
        expect(failure).toBeUndefined()
        expect(received.equals(bytes)).toBe(true)
        const later = yield* reading(served.host, 1000)
        expect(later.received.equals(bytes.subarray(1000))).toBe(true)
      }).pipe(Effect.provide(Registry.layer(quick)))
      const ranges = served.requests.map(({ headers }) => headers.range)
      expect(ranges).toEqual([undefined, "bytes=50-", undefined, undefined, undefined])
    })
  )

  it.live("are refused by the storage that the registry sends to, the registry is asked again for the whole", () =>
    Effect.gen(function* () {
      const storage = yield* serve(refusing(403))
      const served = yield* serve(
        (_, response) => void response.writeHead(307, { location: `${storage.origin}/b` }).end()
      )
      const { received } = yield* reading(served.host, 50).pipe(Effect.provide(Registry.layer(noRetry)))
      expect(received.equals(bytes.subarray(50))).toBe(true)
      expect(storage.requests.map(({ headers }) => headers.range)).toEqual(["bytes=50-", undefined])
    })
  )

  it.live("are refused by the place of a foreign layer, that one is asked for the whole, too", () =>
    Effect.gen(function* () {
      const foreign = yield* serve(refusing(416))
      const served = yield* serve((_, response) => void response.writeHead(404).end())
      const urls = [`${foreign.origin}/layer`]
      const { received } = yield* reading(served.host, 50, { urls }).pipe(Effect.provide(Registry.layer(noRetry)))
      expect(received.equals(bytes.subarray(50))).toBe(true)
      expect(foreign.requests.map(({ headers }) => headers.range)).toEqual(["bytes=50-", undefined])
    })
  )

  it.live("are taken, what the whole is refused with is told, and the host is asked for ranges as before", () =>
    Effect.gen(function* () {
      let gone = true
      const served = yield* serve((request, response) => {
        if (gone) return void response.writeHead(404).end()
        const first = Number(/\d+/.exec(request.headers.range ?? "")?.[0] ?? 0)
        response
          .writeHead(206, { "content-range": `bytes ${first}-${last}/${bytes.length}` })
          .end(bytes.subarray(first))
      })
      yield* Effect.gen(function* () {
        expect((yield* reading(served.host, 50)).failure).toMatchObject({ _tag: "BlobNotFound" })
        gone = false
        expect((yield* reading(served.host, 50)).received.equals(bytes.subarray(50))).toBe(true)
      }).pipe(Effect.provide(Registry.layer(noRetry)))
      expect(served.requests.map(({ headers }) => headers.range)).toEqual(["bytes=50-", undefined, "bytes=50-"])
    })
  )

  it.live("are refused because the host is busy, it is not asked for more", () =>
    Effect.gen(function* () {
      for (const status of [408, 429, 502, 503, 504]) {
        const served = yield* serve(refusing(status))
        const { failure } = yield* reading(served.host, 50).pipe(Effect.provide(Registry.layer(noRetry)))
        expect([failure?._tag === "RateLimited" || failure?._tag === "RegistryError", served.requests.length]).toEqual([
          true,
          1
        ])
      }
    })
  )

  it.live("are not known to a mirror, the registry is asked for them, and the mirror never again", () =>
    Effect.gen(function* () {
      const mirror = yield* serve(whole)
      const served = yield* serve(
        (_, response) =>
          void response.writeHead(206, { "content-range": `bytes 50-89/${bytes.length}` }).end(bytes.subarray(50, 90))
      )
      const hosts = { [served.host]: { mirrors: [mirror.origin] } }
      yield* Effect.gen(function* () {
        for (const _ of [1, 2]) {
          const { received, failure } = yield* reading(served.host, 50, { end: 90 })
          expect(failure).toBeUndefined()
          expect(received.equals(bytes.subarray(50, 90))).toBe(true)
        }
        expect((yield* reading(served.host, 0)).received.equals(bytes)).toBe(true)
      }).pipe(Effect.provide(Registry.layer({ ...noRetry, hosts })))
      expect(mirror.requests.map(({ headers }) => headers.range)).toEqual(["bytes=50-89", undefined])
      expect(served.requests.map(({ headers }) => headers.range)).toEqual(["bytes=50-89", "bytes=50-89"])
    })
  )

  it.live("of one blob are refused, those of others are asked for as before", () =>
    Effect.gen(function* () {
      // The manifest said that this blob is longer than it is.
      const served = yield* serve((request, response) => {
        if (request.headers.range !== "bytes=50-89") return void response.writeHead(416).end()
        response.writeHead(206, { "content-range": `bytes 50-89/${bytes.length}` }).end(bytes.subarray(50, 90))
      })
      yield* Effect.gen(function* () {
        const refused = yield* Effect.exit(reading(served.host, bytes.length, { size: 200_000, end: 150_000 }))
        expect(String(refused)).toContain("RangesIgnored")
        const { received } = yield* reading(served.host, 50, { end: 90 })
        expect(received.equals(bytes.subarray(50, 90))).toBe(true)
      }).pipe(Effect.provide(Registry.layer(noRetry)))
    })
  )

  it.live("are refused, the ranges of one blob at once become one body", () =>
    Effect.gen(function* () {
      const large = randomBytes(5 * 2 ** 20)
      const served = yield* serve((request, response) => {
        if (request.headers.range !== undefined) return void response.writeHead(416).end()
        response.writeHead(200, { "content-length": large.length }).end(large)
      })
      const reference = yield* parse(`${served.host}/org/app`)
      const chunks: Array<Uint8Array> = []
      yield* Registry.use((registry) =>
        drain(isReason)(
          registry
            .blob$(reference, { digest: digestOf(large), size: large.length }, new Gate(), { emit: () => undefined })
            .pipe(tap((chunk) => chunks.push(chunk)))
        )
      ).pipe(Effect.provide(Registry.layer({ ...noRetry, ranges: 4 })))
      expect(Buffer.concat(chunks).equals(large)).toBe(true)
    })
  )
})

describe("where a range ends the connection", () => {
  const ends: Readonly<Record<string, Handler>> = {
    "before an answer": (request) => void request.socket.destroy(),
    "by a reset": (request) => void request.socket.resetAndDestroy(),
    "with what is not an answer": (request) => void request.socket.end("nonsense\r\n\r\n"),
    "after the head of the answer": (request, response) => {
      response.writeHead(206, {
        "content-range": `bytes 50-${last}/${bytes.length}`,
        "content-length": bytes.length - 50
      })
      response.write("", () => request.socket.destroy())
      response.flushHeaders()
    },
    "by an answer that ends early": (_, response) =>
      void response.writeHead(206, { "content-range": `bytes 50-${last}/${bytes.length}` }).end()
  }
  for (const [how, handler] of Object.entries(ends))
    it.live(`${how}, a blob is asked for without after two of them, and then with one as before`, () =>
      Effect.gen(function* () {
        const served = yield* serve((request, response, it) =>
          (request.headers.range === undefined ? whole : handler)(request, response, it)
        )
        yield* Effect.gen(function* () {
          const { received, failure } = yield* reading(served.host, 50)
          expect(failure).toBeUndefined()
          expect(received.equals(bytes.subarray(50))).toBe(true)
          yield* reading(served.host, 50)
        }).pipe(Effect.provide(Registry.layer(quick)))
        const once = ["bytes=50-", "bytes=50-", undefined]
        expect(served.requests.map(({ headers }) => headers.range)).toEqual([...once, ...once])
      })
    )

  it.live("now and then, ranges are gone on with: bytes that came are not fetched twice", () =>
    Effect.gen(function* () {
      let requests = 0
      const served = yield* serve((request, response) => {
        const first = Number(/\d+/.exec(request.headers.range ?? "")?.[0] ?? 0)
        if (requests++ % 2 === 1) return void request.socket.destroy()
        response.writeHead(first === 0 ? 200 : 206, {
          "content-length": bytes.length - first,
          ...(first === 0 ? {} : { "content-range": `bytes ${first}-${last}/${bytes.length}` })
        })
        response.write(bytes.subarray(first, first + 30_000), () => request.socket.destroy())
      })
      const { received } = yield* reading(served.host, 0).pipe(Effect.provide(Registry.layer(quick)))
      expect(received.equals(bytes)).toBe(true)
      expect(served.requests.slice(1).every(({ headers }) => headers.range !== undefined)).toBe(true)
    })
  )

  it.live("that could not be made at all, ranges are not to blame", () =>
    Effect.gen(function* () {
      const { failure } = yield* reading("127.0.0.1:1", 50).pipe(Effect.provide(Registry.layer(quick)))
      expect(failure).toMatchObject({ _tag: "RegistryUnreachable" })
    })
  )
})

describe("an answer that is not a range of this blob", () => {
  it.live("to a request for the whole is refused in words that say what came", () =>
    Effect.gen(function* () {
      const served = yield* serve(
        (_, response) =>
          void response.writeHead(206, { "content-range": `bytes 7-${last}/${bytes.length}` }).end(bytes.subarray(7))
      )
      const { failure } = yield* reading(served.host, 50).pipe(Effect.provide(Registry.layer(noRetry)))
      expect(failure).toMatchObject({ _tag: "InvalidResponse" })
      expect(failure?.message).toMatch(/the whole blob was requested, but it sent only the bytes from 7 on/)
      expect(`${failure?.message} ${failure?.advice}`).not.toMatch(/nowhere|login/)
    })
  )

  it.live("to a request for the whole, and whole all the same, is taken", () =>
    Effect.gen(function* () {
      for (const range of [undefined, `bytes 0-${last}/${bytes.length}`, "nonsense"]) {
        const served = yield* serve(
          (_, response) =>
            void response.writeHead(206, range === undefined ? {} : { "content-range": range }).end(bytes)
        )
        const { received } = yield* reading(served.host, 0).pipe(Effect.provide(Registry.layer(noRetry)))
        expect(received.equals(bytes), range).toBe(true)
      }
    })
  )
})
