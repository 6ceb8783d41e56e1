import { describe, expect, test } from "vitest"
import { contentLength, contentRange, retryAfter } from "../../../src/registry/headers/readHeader.ts"

describe("a header", () => {
  test("Retry-After is seconds or a date, and never more than a day", () => {
    const now = Date.parse("Wed, 21 Oct 2026 07:28:00 GMT")
    const wait = (text: string) => retryAfter({ "retry-after": text }, now)
    expect(wait("7")).toBe(7000)
    expect(wait(" 0 ")).toBe(0)
    expect(wait("Wed, 21 Oct 2026 07:28:30 GMT")).toBe(30_000)
    expect(wait("Wed, 21 Oct 2026 07:27:30 GMT")).toBe(0)
    expect(wait("99999999999999999999")).toBe(86_400_000)
    expect(wait("soon")).toBeUndefined()
    expect(wait("-5")).not.toBe(-5000)
    expect(retryAfter({}, now)).toBeUndefined()
  })

  test("Content-Range and Content-Length are exact or nothing", () => {
    expect(contentRange({ "content-range": "bytes 5-9/10" })).toEqual({ first: 5, total: 10 })
    expect(contentRange({ "content-range": "bytes 5-9/*" })).toEqual({ first: 5, total: undefined })
    for (const text of [
      "bytes */10",
      "bytes 9-5/10",
      "items 5-9/10",
      "bytes 5-9",
      "bytes -1-9/10",
      `bytes ${"9".repeat(30)}-9/1`
    ])
      expect(contentRange({ "content-range": text }), text).toBeUndefined()
    expect(contentLength({ "content-length": "12" })).toBe(12)
    for (const text of ["-1", "1e3", "0x10", "12, 12", ""])
      expect(contentLength({ "content-length": text })).toBeUndefined()
  })
})
