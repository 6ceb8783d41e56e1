import * as Effect from "effect/Effect"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { algorithmOf, hexOf, isDigest, isHashable, parseDigest } from "../../../src/image/reference/Digest.ts"
import { runs } from "../../support/runs.ts"

const hex = "0123456789abcdef".repeat(8)

describe("a digest", () => {
  test("has exactly its algorithm's length, in lower-case hex", () => {
    for (const [algorithm, length] of [
      ["sha256", 64],
      ["sha384", 96],
      ["sha512", 128]
    ] as const) {
      expect(isDigest(`${algorithm}:${hex.slice(0, length)}`)).toBe(true)
      expect(isDigest(`${algorithm}:${hex.slice(0, length - 1)}`)).toBe(false)
      expect(isDigest(`${algorithm}:${hex.slice(0, length)}0`)).toBe(false)
      expect(isDigest(`${algorithm}:${hex.slice(0, length).toUpperCase()}`)).toBe(false)
    }
  })

  test("by an unregistered algorithm is well-formed and proves nothing", () => {
    for (const text of [
      "blake3:abc",
      "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
      "sha256+b64u:LCa0a2j_xo"
    ]) {
      expect(isDigest(text) && !isHashable(text)).toBe(true)
      expect(Effect.runSync(Effect.flip(parseDigest(text)))._tag).toBe("UnsupportedDigest")
    }
  })

  test("comes apart into algorithm and hex", () => {
    const digest = Effect.runSync(parseDigest(`sha256:${hex.slice(0, 64)}`))
    expect([algorithmOf(digest), hexOf(digest)]).toEqual(["sha256", hex.slice(0, 64)])
  })

  test("is never anything that changes a path", () => {
    const pieces = fc.array(
      fc.constantFrom("sha256", ":", "/", "..", ".", "a", "+", "\\", "\0", "=", "-", hex.slice(0, 64), "\n"),
      { maxLength: 6 }
    )
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join("")
        if (!isDigest(text)) return
        expect(text).toMatch(/^[A-Za-z0-9+._=:-]+$/)
        expect(text).not.toMatch(/\.\.|^\./)
        expect(text.length).toBeLessThanOrEqual(200)
      }),
      { numRuns: runs(2000) }
    )
  })
})
