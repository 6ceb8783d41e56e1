/** What a person is told when no answer comes, or a refusal: what happened, and what helps. */
import { createServer, type ServerOptions } from "node:https"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import * as Effect from "effect/Effect"
import { tap } from "rxjs"
import { describe, expect } from "vitest"
import { isReason } from "../../../src/api/errors.ts"
import { parse } from "../../../src/image/reference/Reference.ts"
import { drain } from "../../../src/reactive/bridge.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import { Registry, type RegistryOptions } from "../../../src/registry/Registry.ts"
import { it } from "../../support/effect.ts"
import { cert, key } from "../../testing/certificate.ts"
import { digestOf } from "../images.ts"
import { serveRaw } from "../rawServer.ts"
import { type Handler, serve } from "../server.ts"

const amd64 = { os: "linux", architecture: "amd64" }

const failing = Effect.fnUntraced(function* (host: string, options: RegistryOptions = {}) {
  const reference = yield* parse(`${host}/org/app:1`)
  return yield* Registry.use((it) => it.resolve(reference, amd64, () => undefined)).pipe(
    Effect.provide(Registry.layer({ retry: { times: 0 }, ...options })),
    Effect.flip
  )
})

const serveTls = (options: ServerOptions = {}, secured: (socket: Duplex) => void = () => undefined) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<{ readonly host: string; readonly close: () => Promise<void> }>((resolve) => {
          const server = createServer({ cert, key, ...options }, (_, response) => response.end("{}"))
          server.on("tlsClientError", () => undefined)
          server.on("secureConnection", secured)
          const close = () =>
            new Promise<void>((closed) => {
              server.close(() => closed())
              server.closeAllConnections()
            })
          server.listen(0, "127.0.0.1", () =>
            resolve({ host: `127.0.0.1:${(server.address() as AddressInfo).port}`, close })
          )
        })
    ),
    ({ close }) => Effect.promise(close)
  )

describe("no answer", () => {
  it.live("to plain HTTP, of a server that speaks TLS: that is said, and --plain-http is not advised", () =>
    Effect.gen(function* () {
      const { host } = yield* serveTls()
      const error = yield* failing(host, { plainHttp: true })
      expect(error).toMatchObject({ _tag: "RegistryUnreachable" })
      expect(error.message).toMatch(/the connection was closed.*; the server may speak TLS$/)
      expect(error.advice).toMatch(/If the registry uses TLS, set `plainHttp: false`\.$/)
    })
  )

  it.live("to HTTPS, of a server that speaks plain HTTP: --plain-http is advised", () =>
    Effect.gen(function* () {
      const { host } = yield* serve((_, response) => void response.end("{}"))
      const error = yield* failing(host, { plainHttp: false })
      expect(error.message).toMatch(/may speak plain HTTP/)
      expect(error.advice).toMatch(/needs `plainHttp`/)
    })
  )

  it.live("of a server that wants a certificate: that is said, in whatever version of TLS", () =>
    Effect.gen(function* () {
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const { host } = yield* serveTls({ requestCert: true, rejectUnauthorized: true, maxVersion })
        const error = yield* failing(host, { hosts: { [host]: { insecure: true } } })
        expect(error.message).toMatch(/the server (?:may require|requires) a client certificate/)
      }
    })
  )

  it.live("of a server that closes the connection once TLS stands: that it may want a certificate is said", () =>
    Effect.gen(function* () {
      const { host } = yield* serveTls({}, (socket) => socket.destroy())
      const error = yield* failing(host, { hosts: { [host]: { insecure: true } } })
      expect(error.message).toMatch(
        /the connection was (?:closed|reset).*; the server may require a client certificate$/
      )
    })
  )

  it.live("of a server that had answered: that the connection was closed means no more than that", () =>
    Effect.gen(function* () {
      let answered = 0
      const { host } = yield* serveRaw((_, socket) => {
        if (answered++ > 0) return void socket.destroy()
        socket.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
      })
      const reference = yield* parse(`${host}/org/app:1`)
      yield* Registry.use((it) =>
        Effect.gen(function* () {
          const resolve = Effect.flip(it.resolve(reference, amd64, () => undefined))
          expect(yield* resolve).toMatchObject({ _tag: "ManifestNotFound" })
          expect((yield* resolve).message).toMatch(/the connection was (closed|reset) \([A-Z_]+\)$/)
        })
      ).pipe(Effect.provide(Registry.layer({ retry: { times: 0 } })))
    })
  )
})

describe("a refusal", () => {
  const denied = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"

  it.live("of the storage that a registry sends to: logging in is not advised, and the storage's words are told", () =>
    Effect.gen(function* () {
      const storage = yield* serve(
        (_, response) =>
          void response.writeHead(403, { "content-type": "application/xml" }).end(`<?xml version="1.0"?>\n${denied}`)
      )
      const served = yield* serve(
        (_, response) => void response.writeHead(307, { location: `${storage.origin}/x?sig=s` }).end()
      )
      const bytes = Buffer.from("bytes")
      const reference = yield* parse(`${served.host}/org/app`)
      const blob = { digest: digestOf(bytes), size: bytes.length }
      const credentials = { [served.host]: { username: "a", password: "b" } }
      for (const options of [{}, { credentials }]) {
        const error = yield* Registry.use((it) =>
          drain(isReason)(it.blob$(reference, blob, new Gate(), { emit: () => undefined }))
        ).pipe(Effect.provide(Registry.layer({ retry: { times: 0 }, ...options })), Effect.flip)
        expect(error).toMatchObject({
          _tag: "AccessDenied",
          redirected: true,
          code: "AccessDenied",
          detail: "Request has expired"
        })
        expect(error.message).toContain(storage.host)
        expect(error.message).toMatch(/to a redirect from the registry$/)
        expect(error.advice).not.toMatch(/^Log in|Check the user name/)
        expect(error.advice).toMatch(/link may have expired/)
      }
    })
  )

  it.live("that is a page with status 200 in place of a blob is named in the error, and not passed on", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from("bytes")
      for (const headers of [{}, { "content-length": 6 }]) {
        const served = yield* serve(
          (_, response) =>
            void response.writeHead(200, { "content-type": "text/html; charset=utf-8", ...headers }).end("<html>")
        )
        const reference = yield* parse(`${served.host}/org/app`)
        const blob = { digest: digestOf(bytes), size: bytes.length }
        const received: Array<Uint8Array> = []
        const error = yield* Registry.use((it) =>
          drain(isReason)(
            it.blob$(reference, blob, new Gate(), { emit: () => undefined }).pipe(tap((chunk) => received.push(chunk)))
          )
        ).pipe(Effect.provide(Registry.layer()), Effect.flip)
        expect(error).toMatchObject({ _tag: "InvalidResponse", problem: "it is an HTML page" })
        expect([received.length, served.requests.length]).toEqual([0, 1])
      }
    })
  )

  it.live("of the registry itself is advised upon as ever", () =>
    Effect.gen(function* () {
      const { host } = yield* serve((_, response) => void response.writeHead(403).end())
      const error = yield* failing(host)
      expect(error).toMatchObject({ _tag: "AccessDenied", authenticated: false })
      expect(error.message).toMatch(/to an anonymous request$/)
      expect(error.advice).toMatch(/^Log in/)
    })
  )

  const said: ReadonlyArray<readonly [what: string, handler: Handler, words: object]> = [
    [
      "as a page, with its title",
      (_, response) =>
        void response
          .writeHead(502, { "content-type": "text/html" })
          .end("<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"),
      { status: 502, detail: "502 Bad Gateway" }
    ],
    [
      "as a text of no type, as Go's servers answer plain HTTP where TLS is spoken",
      (_, response) => void response.writeHead(400).end("Client sent an HTTP request to an HTTPS server.\n"),
      { status: 400, detail: "Client sent an HTTP request to an HTTPS server." }
    ],
    [
      "as XML",
      (_, response) => void response.writeHead(400).end(denied),
      { code: "AccessDenied", detail: "Request has expired" }
    ],
    ["as markup that says nothing", (_, response) => void response.writeHead(400).end("<a><b>"), { status: 400 }]
  ]
  for (const [what, handler, words] of said)
    it.live(`is told in its own words: ${what}`, () =>
      Effect.gen(function* () {
        const { host } = yield* serve(handler)
        expect(yield* failing(host)).toMatchObject({ _tag: "RegistryError", ...words })
      })
    )
})
