/** Who is answered, and who is not. */
import { describe, expect, test } from "vitest"
import { fetchHandler } from "../../src/serve/fetchHandler.ts"
import type { FetchOptions } from "../../src/serve/ServeOptions.ts"
import { stubPulls } from "./stub.ts"

const url = "http://localhost:8080/pulls"
const allow = ["docker.io/library/debian", "ghcr.io/org/*"]

const serve = (options: Partial<FetchOptions> = {}) => {
  const stub = stubPulls()
  return { ...stub, handle: fetchHandler(stub.pulls, { allow, ...options }) }
}

const calling = (
  method: string,
  params: ReadonlyArray<unknown>,
  headers: Readonly<Record<string, string>> = {},
  at = url
) =>
  new Request(at, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ method, params })
  })
const start = (headers?: Readonly<Record<string, string>>, at?: string) => calling("start", ["debian:12"], headers, at)
const watching = (headers: Readonly<Record<string, string>> = {}, at = url) => new Request(at, { headers })

describe("a request from", () => {
  const own = { origin: "http://localhost:8080", "sec-fetch-site": "same-origin" }
  const served: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "the server's own page": own,
    "a program that is not a browser": {},
    "the address bar": { "sec-fetch-site": "none" }
  }
  const refused: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "a page of another origin": { origin: "https://evil.test", "sec-fetch-site": "cross-site" },
    "a page of another port": { origin: "http://localhost:9090", "sec-fetch-site": "same-site" },
    "a sandboxed frame": { origin: "null" },
    "an image or a script of another page": { "sec-fetch-site": "cross-site" },
    "a page by a name that leads here (DNS rebinding)": { host: "evil.test:8080", origin: "http://evil.test:8080" }
  }

  test.for(Object.entries(served))("%s is answered", async ([, headers]) => {
    const { handle, asked } = serve()
    expect((await handle(start(headers))).status).toBe(200)
    const stream = await handle(watching(headers))
    expect(stream.status).toBe(200)
    await stream.body?.cancel()
    expect(asked).toEqual([["start", "debian:12", {}]])
  })

  test.for(Object.entries(refused))("%s is refused, and starts nothing", async ([, headers]) => {
    const { handle, asked } = serve()
    const answer = await handle(start(headers))
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ error: { advice: expect.any(String), isRetryable: false } })
    expect((await handle(watching(headers))).status).toBe(403)
    expect(asked).toEqual([])
  })

  test("a name that leads here is refused by the address too, and may be allowed", async () => {
    const at = "http://pulls.test/pulls"
    expect((await serve().handle(start({}, at))).status).toBe(403)
    expect((await serve({ hosts: ["pulls.test"] }).handle(start({}, at))).status).toBe(200)
    expect((await serve({ hosts: ["pulls.test"] }).handle(start())).status).toBe(403)
  })

  test("an origin that is allowed is answered, preflight included, and no other one is told so", async () => {
    const { handle } = serve({ origins: ["https://app.test"], token: "hunter2" })
    const origin = "https://app.test"
    const preflight = await handle(new Request(url, { method: "OPTIONS", headers: { origin } }))
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, origin])
    const answer = await handle(start({ origin, authorization: "Bearer hunter2" }))
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, origin])
    const other = await handle(new Request(url, { method: "OPTIONS", headers: { origin: "https://evil.test" } }))
    expect([other.status, other.headers.get("access-control-allow-origin")]).toEqual([403, null])
  })
})

describe("authorisation", () => {
  test.for([undefined, "", "Bearer", "Bearer hunter", "Bearer hunter22", "Basic hunter2", "bearer hunter2"])(
    "%s in place of the token is refused",
    async (authorization) => {
      const { handle, asked } = serve({ token: "hunter2" })
      const headers = authorization === undefined ? {} : { authorization }
      const answer = await handle(start(headers))
      expect(answer.status).toBe(401)
      expect(await answer.text()).not.toContain("hunter2")
      expect((await handle(watching(headers))).status).toBe(401)
      expect(asked).toEqual([])
    }
  )

  test("the token is accepted, and the hook decides then", async () => {
    const headers = { authorization: "Bearer hunter2" }
    expect((await serve({ token: "hunter2" }).handle(start(headers))).status).toBe(200)
    const { handle, asked } = serve({ token: "hunter2", authorize: async ({ method }) => method === "GET" })
    expect((await handle(start(headers))).status).toBe(403)
    expect(asked).toEqual([])
    const stream = await handle(watching(headers))
    expect(stream.status).toBe(200)
    await stream.body?.cancel()
  })
})

describe("a reference", () => {
  test.for(["debian", "debian:12", `docker.io/library/debian@sha256:${"a".repeat(64)}`, "ghcr.io/org/app:1"])(
    "%s is allowed",
    async (reference) => {
      const { handle, asked } = serve()
      expect((await handle(calling("start", [reference]))).status).toBe(200)
      expect(asked).toHaveLength(1)
    }
  )

  test.for([
    "alpine",
    "debian2:12",
    "evil.test/library/debian:12",
    "ghcr.io/organisation/app",
    "ghcr.io/org",
    "169.254.169.254/latest:1",
    "oci:/etc",
    "docker-archive:/etc/passwd",
    "docker-archive:-",
    "-"
  ])("%s is not allowed, and is refused", async (reference) => {
    const { handle, asked } = serve()
    const answer = await handle(calling("start", [reference]))
    expect(answer.status).toBe(422)
    expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining("may not be pulled") } })
    expect(asked).toEqual([])
  })

  test("to a file is refused even if all are allowed; a function is given the full form", async () => {
    const seen: Array<string> = []
    const all = serve({ allow: ["*"] })
    expect((await all.handle(calling("start", ["oci:/etc"]))).status).toBe(422)
    const byHand = serve({
      allow: (reference) => {
        seen.push(reference)
        return false
      }
    })
    expect((await byHand.handle(start())).status).toBe(422)
    expect(seen).toEqual(["docker.io/library/debian:12"])
  })

  test("that is not allowed is not resumed either", async () => {
    const { handle, pulls, end, asked } = serve()
    await pulls.start("evil.test/app:1")
    end("evil.test/app:1", "interrupted")
    expect((await handle(calling("resume", ["evil.test/app:1"]))).status).toBe(422)
    expect(asked).toHaveLength(1)
  })
})

describe("limits", () => {
  test("pulls that run: the last one is started, the next is refused, also of many that come at once", async () => {
    const { handle, asked } = serve({ limits: { running: 3 } })
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) => handle(calling("start", [`ghcr.io/org/app:${at}`])))
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, ...Array(7).fill(422)])
    expect(asked).toHaveLength(3)
  })

  test("10 000 watchers: those beyond the limit are refused, and places that are left are free again", async () => {
    const { handle, pulls, watchers } = serve({ limits: { watchers: 100 } })
    await pulls.start("debian:12")
    const streams = []
    for (let at = 0; at < 10_000; at++) streams.push(await handle(watching()))
    expect(streams.filter(({ status }) => status === 200)).toHaveLength(100)
    expect(streams.filter(({ status }) => status === 429)).toHaveLength(9900)
    for (const { body } of streams) await body?.cancel()
    expect(watchers()).toBe(0)
    const next = await handle(watching())
    expect(next.status).toBe(200)
    await next.body?.cancel()
  })

  test("a watcher that never reads holds the latest view of each pull, and nothing else", async () => {
    const { handle, pulls, receive } = serve()
    for (const id of ["a", "b"]) await pulls.start(id)
    const body = (await handle(watching())).body
    if (body === null) throw new Error("no body")
    const reader = body.getReader()
    const text = async () => new TextDecoder().decode((await reader.read()).value)
    expect(await text()).toContain("event: list")
    for (let received = 1; received <= 100_000; received++) for (const id of ["a", "b"]) receive(id, received)
    // In one piece, which spares both sides work.
    const received = [...(await text()).matchAll(/"received":(\d+)/g)].map(([, bytes]) => bytes)
    expect(received).toEqual(["100000", "100000"])
    receive("a", 7)
    expect(await text()).toContain('"received":7,')
    await reader.cancel()
  })

  test("a call of more bytes, of another type, of another shape, or by another method is refused", async () => {
    const { handle, asked } = serve({ limits: { callBytes: 100 } })
    const post = (body: string, type = "application/json") =>
      handle(new Request(url, { method: "POST", headers: { "content-type": type }, body }))
    const call = JSON.stringify({ method: "start", params: ["debian:12"] })
    expect((await post(call.padEnd(100))).status).toBe(200)
    expect((await post(call.padEnd(101))).status).toBe(413)
    for (const type of ["text/plain", "application/x-www-form-urlencoded"])
      expect((await post(call, type)).status).toBe(415)
    for (const text of [
      "",
      "{",
      "null",
      "[]",
      '{"method":"constructor","params":["a"]}',
      '{"method":"start","params":[1]}'
    ])
      expect((await post(text)).status).toBe(400)
    expect((await handle(new Request(url, { method: "DELETE" }))).status).toBe(405)
    expect(asked).toHaveLength(1)
  })

  test("options that are no data do not reach the pull", async () => {
    const { handle, asked } = serve()
    await handle(calling("start", ["debian:12", { platform: "linux/arm64", signal: {}, onEvent: 1 }]))
    expect(asked).toEqual([["start", "debian:12", { platform: "linux/arm64" }]])
  })
})

test("an error that is not a PullError is not told", async () => {
  const { pulls } = stubPulls()
  const broken = { ...pulls, start: () => Promise.reject(new Error("/home/user/.secret")) }
  const answer = await fetchHandler(broken, { allow: ["*"] })(start())
  expect(await answer.json()).toEqual({ error: { message: "the call failed" } })
})
