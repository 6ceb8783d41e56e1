import { describe, expect, test } from "vitest"
import { contentLength, contentRange } from "../../../src/registry/headers/readHeader.ts"

describe("a header", () => {
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
