/** Layers that lie elsewhere: each address of a descriptor is tried until one gives the blob. */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import { tap } from "rxjs"
import { describe, expect } from "vitest"
import { isReason } from "../../../src/api/errors.ts"
import { parse } from "../../../src/image/reference/Reference.ts"
import { drain } from "../../../src/reactive/bridge.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import { Registry } from "../../../src/registry/Registry.ts"
import { it } from "../../support/effect.ts"
import { digestOf } from "../images.ts"
import { type Handler, serve } from "../server.ts"

const bytes = randomBytes(100_000)
const blob = { digest: digestOf(bytes), size: bytes.length }

const fetching = Effect.fnUntraced(function* (urls: ReadonlyArray<string>, retry: object = { times: 0 }) {
  const served = yield* serve((_, response) => void response.writeHead(404).end())
  const reference = yield* parse(`${served.host}/org/app`)
  const chunks: Array<Uint8Array> = []
  const result = yield* Registry.use((it) =>
    drain(isReason)(
      it
        .blob$(reference, { ...blob, urls }, new Gate(), { emit: () => undefined })
        .pipe(tap((chunk) => chunks.push(chunk)))
    )
  ).pipe(Effect.provide(Registry.layer({ retry, timeouts: { headers: 200 } })), Effect.result)
  return {
    isWhole: Buffer.concat(chunks).equals(bytes),
    failure: result._tag === "Failure" ? result.failure : undefined
  }
})

const whole: Handler = (_, response) => void response.writeHead(200, { "content-length": bytes.length }).end(bytes)

const faulty: Readonly<Record<string, Handler>> = {
  "resets the connection": (request) => void request.socket.resetAndDestroy(),
  "never answers": () => undefined,
  "answers 401": (_, response) => void response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end(),
  "answers 403": (_, response) => void response.writeHead(403).end(),
  "answers 404": (_, response) => void response.writeHead(404).end(),
  "answers 429": (_, response) => void response.writeHead(429, { "retry-after": "3600" }).end(),
  "answers 500": (_, response) => void response.writeHead(500).end(),
  "answers 204": (_, response) => void response.writeHead(204).end(),
  "sends to a place that is refused": (_, response) => void response.writeHead(302, { location: "file:///x" }).end(),
  "sends to itself without end": (request, response) => void response.writeHead(302, { location: request.url }).end(),
  "has another blob": (_, response) => void response.writeHead(200, { "content-length": 7 }).end("another"),
  "has a page": (_, response) =>
    void response.writeHead(200, { "content-type": "text/html", "content-length": 6 }).end("<html>")
}

describe("a foreign layer comes from the next address where the first", () => {
  for (const [fault, handler] of Object.entries(faulty))
    it.live(fault, () =>
      Effect.gen(function* () {
        const [first, second] = [yield* serve(handler), yield* serve(whole)]
        expect(yield* fetching([`${first.origin}/layer`, `${second.origin}/layer`])).toMatchObject({ isWhole: true })
        const alone = yield* fetching([`${first.origin}/layer`])
        expect(alone.isWhole).toBe(false)
        expect(alone.failure).toBeDefined()
      })
    )

  for (const url of [
    "http://127.0.0.1:1/refused",
    "https://169.254.169.254/layer",
    "file:///etc/passwd",
    "ftp://127.0.0.1/layer",
    "http://user:password@127.0.0.1/layer",
    "no address"
  ])
    it.live(`is ${url}`, () =>
      Effect.gen(function* () {
        const second = yield* serve(whole)
        expect(yield* fetching([url, `${second.origin}/layer`])).toMatchObject({ isWhole: true })
      })
    )

  it.live("breaks off, and goes on where it stood", () =>
    Effect.gen(function* () {
      const first = yield* serve((_, response) => {
        response.writeHead(200, { "content-length": bytes.length })
        response.write(bytes.subarray(0, 1000), () => response.socket?.destroy())
      })
      const second = yield* serve((request, response) => {
        const from = Number(/\d+/.exec(request.headers.range ?? "")?.[0] ?? 0)
        response.writeHead(206, { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` })
        response.end(bytes.subarray(from))
      })
      const retry = { times: 1, base: 1, cap: 1 }
      expect(yield* fetching([`${first.origin}/a`, `${second.origin}/b`], retry)).toMatchObject({ isWhole: true })
      expect(second.requests.map(({ headers }) => headers.range)).toEqual(["bytes=1000-"])
    })
  )

  it.live("and all others fail, with what the last one said", () =>
    Effect.gen(function* () {
      const busy = yield* serve((_, response) => void response.writeHead(503).end())
      const { failure } = yield* fetching(["file:///etc/passwd", `${busy.origin}/layer`])
      expect(failure).toMatchObject({ _tag: "RegistryError", status: 503 })
    })
  )
})
