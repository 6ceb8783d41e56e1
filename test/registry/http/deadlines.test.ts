/** A server that never comes to an end ends all the same. */
import type { ServerResponse } from "node:http"
import type { Socket } from "node:net"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { isReason } from "../../../src/api/errors.ts"
import { parse } from "../../../src/image/reference/Reference.ts"
import { drain } from "../../../src/reactive/bridge.ts"
import { Registry } from "../../../src/registry/Registry.ts"
import { it } from "../../support/effect.ts"
import { image, registry } from "../images.ts"
import { serveRaw } from "../rawServer.ts"
import { type Handler, type Served, serve, until } from "../server.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const app = image(amd64)
const open = registry(app.parts, { 1: app.manifest })
const options = { retry: { times: 0 }, timeouts: { headers: 200, document: 200 } }

const every = (millis: number, socket: Socket, what: () => void) => {
  const timer = setInterval(what, millis)
  socket.on("close", () => clearInterval(timer))
}

/** A byte now and then, without end. */
const dripping = (response: ServerResponse, status: number, headers: Record<string, string> = {}) => {
  response.writeHead(status, headers).flushHeaders()
  if (response.socket !== null) every(10, response.socket, () => response.write(" "))
}

const resolve = (host: string, more: object = {}) =>
  Effect.gen(function* () {
    const reference = yield* parse(`${host}/org/app:1`)
    return yield* Registry.use((it) => it.resolve(reference, amd64, () => undefined)).pipe(
      Effect.provide(Registry.layer({ ...options, ...more }))
    )
  })

describe("the headers' time limit", () => {
  const beginnings = {
    "103 again and again": "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
    "100 again and again": "HTTP/1.1 100 Continue\r\n\r\n",
    "a header that does not end": "x",
    nothing: ""
  }
  for (const [what, text] of Object.entries(beginnings))
    it.live(`holds to the final status, through ${what}`, () =>
      Effect.gen(function* () {
        const served = yield* serveRaw((_, socket) => {
          if (what.startsWith("a header")) socket.write("HTTP/1.1 200 OK\r\nx: ")
          every(20, socket, () => socket.write(text))
        })
        const error = yield* Effect.flip(resolve(served.host))
        expect(error).toMatchObject({
          _tag: "RegistryUnreachable",
          problem: expect.stringMatching(/within the time limit/)
        })
        yield* until(() => served.sockets.size === 0)
      })
    )
})

describe("a document that drips without end", () => {
  const drip =
    (when: (path: string) => boolean): Handler =>
    (request, response, served) =>
      when(request.url ?? "") ? dripping(response, 200) : open(request, response, served)

  const ends = Effect.fnUntraced(function* (error: unknown, served: Served) {
    expect(error).toMatchObject({ _tag: "RegistryUnreachable", problem: expect.stringMatching(/timeouts\.document/) })
    yield* until(() => served.sockets.size === 0)
  })

  it.live("ends as a manifest and as a config, and leaves no socket", () =>
    Effect.gen(function* () {
      for (const part of ["/manifests/", "/blobs/"]) {
        const served = yield* serve(drip((path) => path.includes(part)))
        yield* ends(yield* Effect.flip(resolve(served.host)), served)
      }
    })
  )

  it.live("ends as a token", () =>
    Effect.gen(function* () {
      const served = yield* serve((request, response) =>
        request.url?.startsWith("/token") === true
          ? dripping(response, 200)
          : void response.writeHead(401, { "www-authenticate": `Bearer realm="${served.origin}/token"` }).end()
      )
      yield* ends(yield* Effect.flip(resolve(served.host)), served)
    })
  )

  it.live("ends as a page of a list", () =>
    Effect.gen(function* () {
      const served = yield* serve(drip(() => true))
      const reference = yield* parse(`${served.host}/org/app`)
      const error = yield* Registry.use((it) => drain(isReason)(it.tags$(reference, { emit: () => undefined }))).pipe(
        Effect.provide(Registry.layer(options)),
        Effect.flip
      )
      yield* ends(error, served)
    })
  )

  it.live("is waited for as the words of a refusal no longer than as a document, and the refusal is told", () =>
    Effect.gen(function* () {
      for (const [status, tag] of [
        [404, "ManifestNotFound"],
        [403, "AccessDenied"],
        [500, "RegistryError"],
        [429, "RateLimited"]
      ] as const) {
        const served = yield* serve((_, response) => dripping(response, status, { "content-type": "text/plain" }))
        expect(yield* Effect.flip(resolve(served.host)), String(status)).toMatchObject({ _tag: tag })
      }
    })
  )
})

describe("a body that nobody needs is not waited for", () => {
  // An hour: a client that waited would not end.
  const patient = { timeouts: { headers: 5000, document: 3_600_000 } }

  it.live("of a redirect", () =>
    Effect.gen(function* () {
      const target = yield* serve(open)
      const served = yield* serve((request, response) =>
        dripping(response, 307, { location: `${target.origin}${request.url}` })
      )
      expect((yield* resolve(served.host, patient)).digest).toBe(app.manifest.digest)
    })
  )

  it.live("of a challenge, and the connection of a short one serves the next request", () =>
    Effect.gen(function* () {
      const guarded =
        (challenge: (response: ServerResponse, headers: Record<string, string>) => void): Handler =>
        (request, response, served) =>
          request.headers.authorization === undefined
            ? challenge(response, { "www-authenticate": 'Basic realm="r"' })
            : open(request, response, served)
      const slow = yield* serve(guarded((response, headers) => dripping(response, 401, headers)))
      const short = yield* serve(guarded((response, headers) => void response.writeHead(401, headers).end("log in")))
      const credentials = {
        [slow.host]: { username: "a", password: "b" },
        [short.host]: { username: "a", password: "b" }
      }
      for (const served of [slow, short])
        expect((yield* resolve(served.host, { ...patient, credentials })).digest).toBe(app.manifest.digest)
      expect(short.connections()).toBeLessThan(3)
    })
  )
})
