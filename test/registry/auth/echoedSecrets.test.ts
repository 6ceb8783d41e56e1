/** Servers that say what they were shown: no secret of ours is in an error, an event or a line of the command. */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { createServer } from "node:net"
import { inspect } from "node:util"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import type { PullerOptions } from "../../../src/api/config.ts"
import { PullError } from "../../../src/api/errors.ts"
import type { PullEvent } from "../../../src/api/events.ts"
import { it } from "../../support/effect.ts"
import { open } from "../../support/open.ts"
import { type Handler, type Served, serve } from "../server.ts"

/** Each opens a client of its own. */
const live = (name: string, body: Parameters<typeof it.live>[1]) => it.live(name, body, 60_000)

const password = 'hun"ter/2+ö'
const token = `token-${"t0k3n".repeat(20)}`
const base64 = Buffer.from(`me:${password}`).toString("base64")
const forms = [
  password,
  'hun\\"ter',
  encodeURIComponent(password),
  base64,
  token,
  "t0k3nt0k3n",
  "key-of-the-host",
  "cHJveHk6"
]

/** All that anybody can read of a pull that fails. */
const told = async (
  reference: string,
  options: PullerOptions
): Promise<{ readonly error: PullError; readonly text: string }> => {
  await using oci = await open({ retry: { times: 0 }, ...options })
  const events: Array<PullEvent> = []
  const error = await oci.pull(reference, { onEvent: (event) => void events.push(event) }).then(
    () => expect.unreachable("it was to fail"),
    (error: unknown) => error
  )
  if (!(error instanceof PullError)) throw error
  const shown = [error, error.reason, error.reason.cause, events].flatMap((it) => [
    JSON.stringify(it),
    inspect(it, { depth: 12, showHidden: true }),
    inspect(it, { depth: 12, showHidden: true, customInspect: false })
  ])
  return { error, text: [...shown, error.message, error.stack].join("\n") }
}

const credentials = (served: Served) => ({ [served.host]: { username: "me", password } })

type Echo = (said: string, response: ServerResponse, request: IncomingMessage) => void
const everywhere: Readonly<Record<string, Echo>> = {
  "in the registry's own form": (said, response) =>
    response
      .writeHead(403, { "content-type": "application/json" })
      .end(JSON.stringify({ errors: [{ code: said.slice(0, 50), message: `you sent ${said}` }] })),
  "as text that is cut": (said, response) =>
    response.writeHead(403, { "content-type": "text/plain" }).end(`${"x".repeat(280)} ${said}`),
  "as JSON within JSON": (said, response) =>
    response
      .writeHead(500, { "content-type": "application/json" })
      .end(JSON.stringify({ message: JSON.stringify({ headers: said, password }) })),
  "as a warning": (said, response) => response.writeHead(404, { warning: `299 - "${said} ${base64}"` }).end(),
  "as the path of a redirect": (said, response) =>
    response.writeHead(302, { location: `http://127.0.0.1:1/${encodeURIComponent(said)}/${base64}` }).end(),
  "as the media type of a manifest": (said, response) =>
    response
      .writeHead(200, { "content-type": `application/${base64}` })
      .end(JSON.stringify({ schemaVersion: 2, mediaType: `${said} ${password}` }))
}

const echoing =
  (echo: Echo, scheme: string): Handler =>
  (request, response) => {
    const { authorization } = request.headers
    if (authorization === undefined) response.writeHead(401, { "www-authenticate": scheme }).end()
    else echo(`${authorization} ${request.headers["x-key"] ?? ""}`, response, request)
  }

describe("what was shown to a registry that echoes it", () => {
  for (const [where, echo] of Object.entries(everywhere)) {
    live(`is nowhere: ${where}, a password`, () =>
      Effect.gen(function* () {
        const served = yield* serve(echoing(echo, "Basic realm=x"))
        const hosts = { [served.host]: { headers: { "x-key": "key-of-the-host" } } }
        const { error, text } = yield* Effect.promise(() =>
          told(`${served.host}/app:1`, { credentials: credentials(served), hosts })
        )
        expect(served.requests.at(-1)?.headers).toMatchObject({ authorization: `Basic ${base64}` })
        for (const form of forms) expect(text, `${error.message}\n${form}`).not.toContain(form)
      })
    )
    live(`is nowhere: ${where}, a token`, () =>
      Effect.gen(function* () {
        const tokens = yield* serve((_, response) => void response.end(JSON.stringify({ token })))
        const served = yield* serve(echoing(echo, `Bearer realm="${tokens.origin}/token"`))
        const { error, text } = yield* Effect.promise(() =>
          told(`${served.host}/app:1`, { credentials: credentials(served) })
        )
        expect(served.requests.at(-1)?.headers).toMatchObject({ authorization: `Bearer ${token}` })
        for (const form of forms) expect(text, `${error.message}\n${form}`).not.toContain(form)
      })
    )
  }
})

live("a server of tokens that says what it was shown: a refresh token, a password", () =>
  Effect.gen(function* () {
    const tokens = yield* serve((request, response) => {
      const said = `${request.body} ${request.headers.authorization ?? ""}`
      response.writeHead(400).end(JSON.stringify({ error: "invalid_grant", error_description: said }))
    })
    const served = yield* serve(echoing(() => undefined, `Bearer realm="${tokens.origin}/token"`))
    for (const login of [{ identityToken: token }, { username: "me", password }]) {
      const { error, text } = yield* Effect.promise(() =>
        told(`${served.host}/app:1`, { credentials: { [served.host]: login } })
      )
      expect(error.reason).toMatchObject({ _tag: "RegistryError", status: 400 })
      expect(error.message).toContain("***")
      for (const form of forms) expect(text).not.toContain(form)
    }
  })
)

live("a server of tokens whose answer cannot be parsed: the answer is in no cause", () =>
  Effect.gen(function* () {
    const tokens = yield* Effect.acquireRelease(
      Effect.promise(
        () =>
          new Promise<ReturnType<typeof createServer>>((resolve) => {
            const server = createServer((socket) => {
              const body = JSON.stringify({ token })
              const head = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: ${body.length}`
              socket
                .on("error", () => undefined)
                .once("data", () => socket.end(`${head}\r\nX-Token: ${token}\r\n\r\n${body}`))
            })
            server.listen(0, "127.0.0.1", () => resolve(server))
          })
      ),
      (server) => Effect.promise(() => new Promise((resolve) => server.close(resolve)))
    )
    const { port } = tokens.address() as AddressInfo
    const served = yield* serve(echoing(() => undefined, `Bearer realm="http://127.0.0.1:${port}/token"`))
    const { text } = yield* Effect.promise(() => told(`${served.host}/app:1`, {}))
    expect(text).not.toContain("t0k3n")
  })
)

live("a proxy that says what it was shown", () =>
  Effect.gen(function* () {
    const proxy = yield* serve((request, response) => {
      response.writeHead(403, { "content-type": "text/plain" })
      response.end(`refused: ${request.headers["proxy-authorization"]}`)
    })
    const url = proxy.origin.replace("http://", "http://proxy:proxy-password@")
    const { error, text } = yield* Effect.promise(() => told("r.example:80/app:1", { proxy: { url }, plainHttp: true }))
    expect(error.reason).toMatchObject({ _tag: "AccessDenied", detail: "refused: Basic ***" })
    expect(text).not.toMatch(/cHJveHk6|proxy-password/)
  })
)
