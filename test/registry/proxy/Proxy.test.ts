import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer, type IncomingHttpHeaders } from "node:http"
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { describe, expect, test } from "vitest"
import { defaultTimeouts } from "../../../src/api/config.ts"
import type { Endpoint } from "../../../src/registry/address/Endpoint.ts"
import { isPermanent } from "../../../src/registry/connection/connectionErrors.ts"
import { makeTransport } from "../../../src/registry/connection/Transport.ts"
import { makeProxy, parseProxy, UnusableProxy, withoutProxy } from "../../../src/registry/proxy/Proxy.ts"
import { startRegistry } from "../../../src/testing/index.ts"
import { it } from "../../support/effect.ts"
import { cert, key } from "../../testing/certificate.ts"
import { serve, serveTcp, until } from "../server.ts"

describe("NO_PROXY", () => {
  test("names hosts, domains, addresses, networks and ports", () => {
    const rows: ReadonlyArray<readonly [list: string, url: string, without: boolean]> = [
      ["", "https://r.test", false],
      ["*", "https://r.test", true],
      ["r.test", "https://r.test", true],
      ["r.test", "https://a.r.test", true],
      ["r.test", "https://xr.test", false],
      [".r.test", "https://a.r.test", true],
      [".r.test", "https://r.test", false],
      ["*.r.test", "https://a.r.test", true],
      ["a.test, R.TEST", "https://r.test", true],
      ["r.test:443", "https://r.test", true],
      ["r.test:5000", "https://r.test", false],
      ["r.test:5000", "https://r.test:5000", true],
      ["10.0.0.0/8", "https://10.1.2.3", true],
      ["10.0.0.0/8", "https://11.1.2.3", false],
      ["10.1.2.3", "https://10.1.2.3", true],
      ["fd00::/8", "https://[fd00::1]", true],
      ["[fd00::1]:443", "https://[fd00::1]", true],
      ["10.0.0.0/99, /, :, ::", "https://10.1.2.3", false],
      ["", "http://localhost:5000", true],
      ["", "https://127.0.0.1", true]
    ]
    for (const [list, url, without] of rows) expect(withoutProxy(list, new URL(url)), `${list} ${url}`).toBe(without)
  })
})

describe("a proxy", () => {
  test("is what the address says, its password apart", () => {
    const proxy = parseProxy(Redacted.make("http://me:p%40ss@proxy.test:3128/"))
    expect(proxy?.origin).toBe("http://proxy.test:3128")
    expect(proxy?.authorization && Redacted.value(proxy.authorization)).toBe(
      `Basic ${Buffer.from("me:p@ss").toString("base64")}`
    )
    expect(JSON.stringify(proxy)).not.toContain(Buffer.from("me:p@ss").toString("base64"))
    expect(parseProxy(Redacted.make("proxy.test:3128"))?.origin).toBe("http://proxy.test:3128")
    for (const text of [
      "http://",
      "http://proxy.test:99999",
      "socks4://proxy.test",
      "ftp://proxy.test",
      "socks5://",
      "a b"
    ])
      expect(parseProxy(Redacted.make(text)), text).toBeUndefined()
  })

  test("may speak SOCKS 5, whichever of its names it goes by", () => {
    for (const scheme of ["socks5", "socks5h", "socks", "SOCKS5"]) {
      const proxy = parseProxy(Redacted.make(`${scheme}://me:p%40ss@proxy.test:1080`))
      expect(proxy?.origin, scheme).toBe("socks5://proxy.test:1080")
      expect(proxy?.socks?.username).toBe("me")
      expect(proxy?.socks && Redacted.value(proxy.socks.password)).toBe("p@ss")
      expect(JSON.stringify(proxy)).not.toContain("p@ss")
    }
  })

  it.live("comes from the environment, of either case; never from a web request", () =>
    Effect.gen(function* () {
      const at = (variables: Record<string, string>, url: string) =>
        makeProxy(undefined).pipe(
          Effect.map((proxyFor) => {
            const proxy = proxyFor(new URL(url))
            return proxy instanceof UnusableProxy ? proxy.message : proxy?.origin
          }),
          Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(variables))
        )
      expect(yield* at({ HTTPS_PROXY: "http://a:1" }, "https://r.test")).toBe("http://a:1")
      expect(yield* at({ https_proxy: "http://b:1", HTTPS_PROXY: "http://a:1" }, "https://r.test")).toBe("http://b:1")
      expect(yield* at({ HTTPS_PROXY: "http://a:1" }, "http://r.test")).toBeUndefined()
      expect(yield* at({ HTTP_PROXY: "http://a:1" }, "http://r.test")).toBe("http://a:1")
      expect(yield* at({ HTTP_PROXY: "http://a:1", REQUEST_METHOD: "GET" }, "http://r.test")).toBeUndefined()
      expect(yield* at({ HTTPS_PROXY: "http://a:1", NO_PROXY: "r.test" }, "https://r.test")).toBeUndefined()
    })
  )

  /** Lets clients with the password through; every name leads to `port`. */
  const startProxy = (port: () => number, login = "me:secret") =>
    Effect.acquireRelease(
      Effect.promise(async () => {
        const seen: Array<{ readonly method: string; readonly url: string; readonly headers: IncomingHttpHeaders }> = []
        const sockets = new Set<Socket>()
        const welcome = (headers: IncomingHttpHeaders) =>
          headers["proxy-authorization"] === `Basic ${Buffer.from(login).toString("base64")}`
        const server = createServer(({ url = "", headers }, response) => {
          seen.push({ method: "GET", url, headers })
          if (welcome(headers)) response.end("by the proxy")
          else response.writeHead(407).end()
        })
        server.on("connection", (socket) => {
          sockets.add(socket)
          socket.on("error", () => undefined).on("close", () => sockets.delete(socket))
        })
        server.on("connect", ({ url = "", headers }, socket: Socket) => {
          seen.push({ method: "CONNECT", url, headers })
          if (!welcome(headers)) return void socket.end("HTTP/1.1 407 \u001b[31mNo\r\n\r\n")
          const far = connect(port(), "127.0.0.1", () => {
            socket.write("HTTP/1.1 200 OK\r\n\r\n")
            far.pipe(socket).pipe(far)
          })
          far.on("error", () => socket.destroy()).on("close", () => socket.destroy())
          socket.on("close", () => far.destroy())
        })
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
        const url = `127.0.0.1:${(server.address() as AddressInfo).port}`
        return {
          seen,
          sockets,
          url,
          close: () => {
            server.close()
            for (const socket of sockets) socket.destroy()
          }
        }
      }),
      ({ close }) => Effect.sync(close)
    )
  const through = (address: string) =>
    Effect.flatMap(makeProxy({ url: Redacted.make(address) }), (proxyFor) =>
      makeTransport({ timeouts: { ...defaultTimeouts, connect: 2000 }, proxyFor })
    ).pipe(Effect.orDie)

  it.live("is tunnelled through, TLS within; the registry never sees its password, and it never sees ours", () =>
    Effect.gen(function* () {
      const registry = yield* Effect.acquireRelease(
        Effect.promise(() => startRegistry({ tls: { cert, key } })),
        (it) => Effect.promise(() => it.close())
      )
      const home = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "ociflow-proxy-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true }))
      )
      yield* Effect.promise(() => writeFile(join(home, "ca.crt"), cert))
      const proxy = yield* startProxy(() => Number(registry.host.split(":")[1]))
      // The proxy alone knows where 198.51.100.7 is; the certificate names another address.
      const endpoint: Endpoint = {
        registry: "198.51.100.7",
        origin: "https://198.51.100.7",
        plainHttp: false,
        tls: { ca: [join(home, "ca.crt")], client: [], insecure: true }
      }
      const { send } = yield* through(`http://me:secret@${proxy.url}`)
      const ask = (authorization: string) =>
        Effect.scoped(
          send(endpoint, { method: "GET", url: new URL("/v2/", endpoint.origin), headers: { authorization } })
        )
      expect((yield* ask("Bearer ours")).status).toBe(200)
      expect(proxy.seen.map(({ method, url }) => [method, url])).toEqual([["CONNECT", "198.51.100.7:443"]])
      expect(proxy.seen[0]?.headers["authorization"]).toBeUndefined()
      expect(registry.log.all[0]?.headers["proxy-authorization"]).toBeUndefined()

      const wrong = yield* through(`http://me:hunter2@${proxy.url}`)
      const error = yield* Effect.flip(
        Effect.scoped(wrong.send(endpoint, { method: "GET", url: new URL("/v2/", endpoint.origin), headers: {} }))
      )
      expect(error).toMatchObject({ _tag: "RegistryUnreachable" })
      expect(error.message).toContain("407")
      expect(JSON.stringify(error) + error.message).not.toMatch(/hunter|\u001b/)
    })
  )

  it.live("is asked for plain HTTP by the whole address", () =>
    Effect.gen(function* () {
      const proxy = yield* startProxy(() => 1)
      const endpoint: Endpoint = { registry: "r.test", origin: "http://r.test", plainHttp: true }
      const request = { method: "GET", url: new URL("http://r.test/v2/?a=1"), headers: {} } as const
      const { send } = yield* through(`http://me:secret@${proxy.url}`)
      expect((yield* Effect.scoped(send(endpoint, request))).status).toBe(200)
      expect(proxy.seen[0]).toMatchObject({ url: "http://r.test/v2/?a=1", headers: { host: "r.test" } })
      const wrong = yield* through(`http://${proxy.url}`)
      expect((yield* Effect.flip(Effect.scoped(wrong.send(endpoint, request)))).message).toContain("407")
    })
  )

  it.live("that drops the connection is an error, and leaves no socket", () =>
    Effect.gen(function* () {
      const proxy = yield* startProxy(() => 1)
      const endpoint: Endpoint = { registry: "r.test", origin: "https://r.test", plainHttp: false }
      const { send } = yield* through(`http://me:secret@${proxy.url}`)
      const error = yield* Effect.flip(
        Effect.scoped(send(endpoint, { method: "GET", url: new URL("https://r.test/v2/"), headers: {} }))
      )
      expect(error._tag).toBe("RegistryUnreachable")
      yield* until(() => proxy.sockets.size === 0)
    })
  )

  it.live("in a variable that names none fails what would use it, and nothing else", () =>
    Effect.gen(function* () {
      const served = yield* serve((_, response) => void response.end("here"))
      for (const value of ["socks4://me:hunter2@proxy.test", "http://me:hunter2@proxy.test:99999", "::hunter2"])
        for (const name of ["HTTPS_PROXY", "https_proxy"]) {
          const proxyFor = yield* makeProxy(undefined).pipe(
            Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ [name]: value }))
          )
          const { send } = yield* makeTransport({ timeouts: defaultTimeouts, proxyFor })
          const ask = (origin: string) =>
            Effect.scoped(
              send({ registry: "r", origin, plainHttp: true }, { method: "GET", url: new URL(origin), headers: {} })
            )
          expect((yield* ask(served.origin)).status).toBe(200)
          const error = yield* Effect.flip(ask("https://r.test"))
          expect(error.message).toContain(`the variable ${name} holds none of: an address as http://proxy.example.com`)
          expect(error.advice).toContain("HTTPS_PROXY")
          expect(error.message + error.advice + JSON.stringify(error)).not.toContain("hunter2")
          expect(isPermanent(error.cause)).toBe(true)
        }
    })
  )

  test("given as an option that is none is refused at once", async () => {
    const url = "socks4://me:hunter2@proxy.test"
    const error = await Effect.runPromise(Effect.flip(makeProxy({ url })))
    expect(error).toContain("must have a url that is one of")
    expect(error).not.toContain("hunter2")
  })
})

/** A SOCKS 5 server (RFC 1928) with a login (RFC 1929), or with none; each name leads to `port`. */
const startSocks = (port: number, login?: string, reply = 0) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const asked: Array<string> = []
      const sockets = new Set<Socket>()
      const server = createTcpServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => undefined).on("close", () => sockets.delete(socket))
        const open = (request: Buffer) => {
          const name =
            request[3] === 3 ? request.subarray(5, 5 + (request[4] ?? 0)).toString() : request.subarray(4, -2).join(".")
          asked.push(`${name}:${request.readUInt16BE(request.length - 2)}`)
          socket.write(Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]))
          if (reply !== 0) return
          const far = connect(port, "127.0.0.1")
          far.on("error", () => socket.destroy()).on("close", () => socket.destroy())
          socket.on("close", () => far.destroy())
          far.pipe(socket).pipe(far)
        }
        socket.once("data", (methods: Buffer) => {
          const wanted = login === undefined ? 0 : 2
          if (!methods.subarray(2).includes(wanted)) return void socket.end(Buffer.from([5, 255]))
          socket.write(Buffer.from([5, wanted]))
          if (login === undefined) return void socket.once("data", open)
          socket.once("data", (given: Buffer) => {
            const name = given.subarray(2, 2 + (given[1] ?? 0)).toString()
            const known = `${name}:${given.subarray(3 + (given[1] ?? 0)).toString()}` === login
            socket.write(Buffer.from([1, known ? 0 : 1]))
            socket.once("data", open)
          })
        })
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return { asked, sockets, server, url: `127.0.0.1:${(server.address() as AddressInfo).port}` }
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
  )

describe("a SOCKS 5 proxy", () => {
  const asking = (proxy: string, origin: string, tls?: Endpoint["tls"]) =>
    Effect.gen(function* () {
      const proxyFor = yield* Effect.orDie(makeProxy({ url: proxy }))
      const { send } = yield* makeTransport({ timeouts: { ...defaultTimeouts, connect: 500 }, proxyFor })
      const endpoint: Endpoint = { registry: "r.test", origin, plainHttp: true, ...(tls === undefined ? {} : { tls }) }
      return yield* Effect.scoped(send(endpoint, { method: "GET", url: new URL(origin), headers: {} }))
    })

  it.live("is tunnelled through for both schemes, resolves the names, and asks for a login or none", () =>
    Effect.gen(function* () {
      const plain = yield* serve((_, response) => void response.end("here"))
      const secured = yield* Effect.acquireRelease(
        Effect.promise(() => startRegistry({ tls: { cert, key } })),
        (it) => Effect.promise(() => it.close())
      )
      for (const login of [undefined, "me:p@ss"]) {
        const given = login === undefined ? "" : "me:p%40ss@"
        const one = yield* startSocks(Number(new URL(plain.origin).port), login)
        expect((yield* asking(`socks5://${given}${one.url}`, "http://r.test:5000")).status).toBe(200)
        expect(one.asked).toEqual(["r.test:5000"])
        const other = yield* startSocks(Number(new URL(secured.origin).port), login)
        const tls = { ca: [], client: [], insecure: true }
        expect((yield* asking(`socks5h://${given}${other.url}`, "https://r.test", tls)).status).toBe(404)
        expect(other.asked).toEqual(["r.test:443"])
        yield* until(() => one.sockets.size + other.sockets.size === 0)
      }
    })
  )

  it.live("that refuses, is none, or is silent is an error that names it, without the password", () =>
    Effect.gen(function* () {
      const port = Number(new URL((yield* serve((_, response) => void response.end())).origin).port)
      const rows: ReadonlyArray<readonly [proxy: string, said: RegExp, permanent: boolean]> = [
        [`me:hunter2@${(yield* startSocks(port, "me:other")).url}`, /Authentication failed/, true],
        [(yield* startSocks(port, "me:other")).url, /No acceptable authentication method/, true],
        [(yield* startSocks(port, undefined, 2)).url, /not allowed/, true],
        [(yield* startSocks(port, undefined, 5)).url, /Connection refused/, false],
        [`127.0.0.1:${port}`, /did not open a tunnel: Invalid SOCKS version|closed the connection/, false],
        [(yield* serveTcp()).host, /gave no answer within 500 ms/, false],
        ["127.0.0.1:1", /ECONNREFUSED/, false]
      ]
      for (const [proxy, said, permanent] of rows) {
        const error = yield* Effect.flip(asking(`socks5://${proxy}`, "https://r.test"))
        expect(error.message).toMatch(said)
        expect(error.message).toContain(`the proxy ${proxy.replace(/^.*@/, "")}`)
        expect(error.message + JSON.stringify(error)).not.toContain("hunter2")
        if (said.source !== "did not open a tunnel: Invalid SOCKS version|closed the connection")
          expect(isPermanent(error.cause), proxy).toBe(permanent)
      }
    })
  )
})

/** Calls `answer` once for each connection, when it has been spoken to. */
const serveRawProxy = (answer: (socket: Socket) => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<Socket>()
      const server = createTcpServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => undefined)
        socket.on("close", () => sockets.delete(socket))
        socket.once("data", () => answer(socket))
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, server }
    }),
    ({ sockets, server }) =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
  )

describe("a proxy whose answer drips without end", () => {
  const byte = (socket: Socket) => void socket.write("x")
  const informational = (socket: Socket) => void socket.write("HTTP/1.1 103 Early Hints\r\n\r\n")
  const rows = [
    ["http", "HTTP/1.1 200 Connected\r\nx: ", byte],
    ["http", "", informational],
    ["http", "HTTP/1.1 403 No\r\ncontent-length: 99999\r\n", byte],
    ["socks5", "\x05", () => undefined],
    ["socks5", "\x05\x00\x05\x00\x00\x03\xff", byte]
  ] as const
  for (const [scheme, first, more] of rows)
    it.live(`is given up when connecting takes too long: ${scheme}, ${JSON.stringify(first)}`, () =>
      Effect.gen(function* () {
        const { host, sockets } = yield* serveRawProxy((socket) => {
          socket.write(Buffer.from(first, "latin1"))
          const timer = setInterval(() => more(socket), 20)
          socket.on("close", () => clearInterval(timer))
        })
        const proxyFor = yield* Effect.orDie(makeProxy({ url: `${scheme}://${host}` }))
        const { send } = yield* makeTransport({ timeouts: { ...defaultTimeouts, connect: 500 }, proxyFor })
        const endpoint: Endpoint = { registry: "r.test", origin: "https://r.test", plainHttp: false }
        const request = { method: "GET", url: new URL("https://r.test"), headers: {} } as const
        const error = yield* Effect.flip(Effect.scoped(send(endpoint, request)))
        expect(error.message).toMatch(/the proxy \S+ (?:gave no answer within 500 ms|answered 103)/)
        yield* until(() => sockets.size === 0)
      })
    )
})
