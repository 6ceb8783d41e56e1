import { request } from "node:http"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type FaultAction, fault, startRegistry, type TestRegistry } from "../../../../src/testing/index.ts"
import { get } from "../../support.ts"

const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251))

let registry: TestRegistry
let url: string
let digest: string
beforeAll(async () => {
  registry = await startRegistry()
  digest = registry.addBlob("app", bytes)
  url = `${registry.origin}/v2/app/blobs/${digest}`
  registry.addDocument("app", Buffer.from("{}"), "application/json", "latest")
})
afterAll(() => registry.close())
beforeEach(() => {
  registry.clearFaults()
  registry.log.clear()
})

const once = (action: FaultAction) => registry.fault({ kind: "blob", times: 1 }, action)

describe("which requests", () => {
  test("a fault begins with the n-th match and ends after so many", async () => {
    registry.fault({ kind: "blob", reference: digest, nth: 2, times: 2 }, fault.status(503))
    const statuses: Array<number> = []
    for (let i = 0; i < 5; i++) statuses.push((await get(url)).status)
    expect(statuses).toEqual([200, 503, 503, 200, 200])
  })
  test("other kinds, methods, references and predicates are not befallen", async () => {
    registry.fault({ kind: "manifest" }, fault.status(500))
    registry.fault({ method: "HEAD" }, fault.status(500))
    registry.fault({ reference: "other" }, fault.status(500))
    registry.fault({ when: ({ range }) => range !== undefined }, fault.status(500))
    expect((await get(url)).status).toBe(200)
    expect((await get(url, { range: "bytes=1-" })).status).toBe(500)
    expect((await get(url, {}, "HEAD")).status).toBe(500)
  })
  test("a fault can be taken away again", async () => {
    const remove = registry.fault({}, fault.status(500))
    remove()
    expect((await get(url)).status).toBe(200)
  })
})

describe("answers", () => {
  test("a status comes with the spec's error document", async () => {
    once(fault.status(403, "DENIED", "not for you"))
    const { status, body } = await get(url)
    expect([status, JSON.parse(body.toString()).errors]).toEqual([
      403,
      [{ code: "DENIED", message: "not for you", detail: null }]
    ])
  })
  test("a rate limit says when in seconds, or as a date", async () => {
    once(fault.rateLimit(7))
    expect((await get(url)).headers["retry-after"]).toBe("7")
    once(fault.rateLimit(new Date(0)))
    expect((await get(url)).headers["retry-after"]).toBe("Thu, 01 Jan 1970 00:00:00 GMT")
  })
  test("a redirect goes where it is told, and a loop to itself", async () => {
    once(fault.redirect("http://10.0.0.1/"))
    expect((await get(url)).headers.location).toBe("http://10.0.0.1/")
    once(fault.redirectLoop())
    const { status, headers } = await get(url)
    expect([status, new URL(headers.location ?? "", url).href]).toEqual([307, url])
  })
  test("garbage is not JSON, an oversized document is JSON and too long, a flood is many headers", async () => {
    registry.fault({ kind: "manifest", times: 1 }, fault.garbage())
    const manifest = `${registry.origin}/v2/app/manifests/latest`
    const garbage = await get(manifest)
    expect(() => JSON.parse(garbage.body.toString())).toThrow(SyntaxError)
    registry.fault({ kind: "manifest", times: 1 }, fault.oversized(8 * 2 ** 20))
    const oversized = await get(manifest)
    expect(oversized.body.length).toBeGreaterThan(8 * 2 ** 20)
    expect(JSON.parse(oversized.body.toString())).toEqual({})
    registry.fault({ kind: "manifest", times: 1 }, fault.headerFlood(100, 1000))
    await expect(get(manifest)).rejects.toThrow("Header overflow")
  })
})

describe("breaks", () => {
  test("a cut sends so many bytes, then ends the socket", async () => {
    once(fault.cut(123_456))
    const { complete, body, headers } = await get(url)
    expect([complete, body.length, headers["content-length"]]).toEqual([false, 123_456, "200000"])
    expect(body.equals(bytes.subarray(0, 123_456))).toBe(true)
    await registry.log.settled()
    expect(registry.log.all[0]).toMatchObject({ sent: 123_456, state: "cut" })
  })
  test("a hang-up comes before the status", async () => {
    once(fault.hangUp())
    await expect(get(url)).rejects.toThrow("socket hang up")
  })
  test("a reset is a reset", async () => {
    once(fault.all(fault.hangUp(), fault.cut(-1, { reset: true })))
    await expect(get(url)).rejects.toThrow("ECONNRESET")
  })
  test("a stall sends so many bytes and leaves the socket open until the client goes", async () => {
    once(fault.stall(1000))
    const got: Array<Buffer> = []
    const outgoing = request(url, { agent: false }, (response) => {
      response.on("error", () => undefined)
      response.on("data", (piece: Buffer) => got.push(piece))
    })
    outgoing.on("error", () => undefined)
    outgoing.end()
    await registry.log.until(({ all }) => all[0]?.sent === 1000)
    expect(registry.log.all[0]?.state).toBe("open")
    outgoing.destroy()
    await registry.log.settled()
    expect(registry.log.all[0]).toMatchObject({ state: "aborted", sent: 1000 })
  })
  test("a stall of -1 withholds the status", async () => {
    once(fault.stall(-1))
    const outgoing = request(url, { agent: false }, () => {
      throw new Error("an answer came")
    })
    outgoing.on("error", () => undefined)
    outgoing.end()
    await registry.log.until(({ all }) => all[0]?.status === 200)
    outgoing.destroy()
    await registry.log.settled()
  })
  test("slow bytes take their time", async () => {
    once(fault.slow({ bytesPerSecond: 1_000_000 }))
    const start = performance.now()
    const { body } = await get(url)
    expect(body.equals(bytes)).toBe(true)
    expect(performance.now() - start).toBeGreaterThan(150)
  })
  test("a client that leaves a slow answer ends it at once", async () => {
    once(fault.slow({ latency: 3_600_000 }))
    const outgoing = request(url, { agent: false })
    outgoing.on("error", () => undefined)
    outgoing.end()
    await registry.log.until(({ all }) => all.length === 1)
    outgoing.destroy()
    await registry.log.settled()
    expect(registry.log.all[0]?.state).toBe("aborted")
  })
})

describe("lies", () => {
  test("another byte at its place in the blob, in the whole and in each part", async () => {
    registry.fault({ kind: "blob" }, fault.otherByte(100_000))
    const whole = await get(url)
    expect(whole.body.findIndex((byte, i) => byte !== bytes[i])).toBe(100_000)
    const part = await get(url, { range: "bytes=99990-100010" })
    expect(part.body.findIndex((byte, i) => byte !== bytes[99_990 + i])).toBe(10)
    expect((await get(url, { range: "bytes=100001-" })).body.equals(bytes.subarray(100_001))).toBe(true)
  })
  test("fewer and more bytes, with a length that agrees", async () => {
    once(fault.shorter(10))
    const shorter = await get(url)
    expect([shorter.complete, shorter.body.length, shorter.headers["content-length"]]).toEqual([
      true,
      199_990,
      "199990"
    ])
    once(fault.longer(10))
    expect((await get(url)).body.length).toBe(200_010)
  })
  test("a length that does not agree", async () => {
    once(fault.contentLength(300_000))
    const { complete, body, headers } = await get(url)
    expect([complete, body.length, headers["content-length"]]).toEqual([false, 200_000, "300000"])
  })
  test("no length at all", async () => {
    once(fault.chunked())
    const { headers, body } = await get(url)
    expect([headers["content-length"], headers["transfer-encoding"], body.length]).toEqual([
      undefined,
      "chunked",
      200_000
    ])
  })
  test("the whole to who asked for a part", async () => {
    once(fault.ignoreRange())
    const { status, headers, body } = await get(url, { range: "bytes=100-" })
    expect([status, headers["content-range"], body.length]).toEqual([200, undefined, 200_000])
  })
  test("a Content-Range that is not true, and a range that was not asked for", async () => {
    once(fault.contentRange("bytes 0-9/20"))
    expect((await get(url, { range: "bytes=100-" })).headers["content-range"]).toBe("bytes 0-9/20")
    once(fault.shiftedRange(-50))
    const { headers, body } = await get(url, { range: "bytes=100-199" })
    expect(headers["content-range"]).toBe("bytes 50-149/200000")
    expect(body).toEqual(bytes.subarray(50, 150))
  })
  test("a digest header that is not true", async () => {
    once(fault.digestHeader("sha256:lie"))
    expect((await get(url)).headers["docker-content-digest"]).toBe("sha256:lie")
  })
})

describe("the log", () => {
  test("it knows which parts of a blob were sent, and how many bytes twice", async () => {
    once(fault.cut(1000))
    await get(url, { "user-agent": "test/1", authorization: "Bearer secret" })
    await get(url, { range: "bytes=1000-" })
    await registry.log.settled()
    expect(registry.log.ranges(digest)).toEqual([
      [0, 1000],
      [1000, 200_000]
    ])
    expect(registry.log.repeated(digest)).toBe(0)
    await get(url, { range: "bytes=500-1499" })
    expect(registry.log.repeated(digest)).toBe(1000)
    expect(registry.log.count({ kind: "blob", status: 206 })).toBe(2)
    expect(registry.log.all[0]).toMatchObject({ userAgent: "test/1", authorization: "Bearer", method: "GET" })
    expect(JSON.stringify(registry.log.all)).not.toContain("secret")
  })
})
