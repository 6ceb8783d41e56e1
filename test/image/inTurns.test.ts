import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { bytesOfTurn } from "../../src/image/inTurns.ts"
import { parseJson } from "../../src/image/json/parseJson.ts"
import type { Digest } from "../../src/image/reference/Digest.ts"
import { readConfig } from "../../src/registry/documents.ts"

/** Turns of the event loop that pass meanwhile. */
const turnsOf = async (work: Effect.Effect<unknown, unknown>): Promise<number> => {
  let turns = 0
  let isOver = false
  const count = () => {
    if (isOver) return
    turns += 1
    setImmediate(count)
  }
  setImmediate(count)
  await Effect.runPromise(work)
  isOver = true
  return turns
}

const json = (bytes: number) => Buffer.from(JSON.stringify({ text: "x".repeat(bytes - 11) }))

describe("a large document", () => {
  test("is looked at in as many turns as its bytes need; a small one in one", async () => {
    for (const [bytes, turns] of [
      [16 * bytesOfTurn, 16],
      [4 * bytesOfTurn, 4],
      [bytesOfTurn + 1, 2]
    ] as const)
      expect(await turnsOf(parseJson(json(bytes)))).toBeGreaterThanOrEqual(turns - 1)
    expect(await turnsOf(parseJson(json(bytesOfTurn)))).toBeLessThanOrEqual(1)
  })

  test("is hashed so too", async () => {
    const bytes = Buffer.from(JSON.stringify({ text: "x".repeat(16 * bytesOfTurn) }))
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest
    const limits = { documentBytes: bytes.length, layers: 1 }
    const reading = readConfig(bytes, { mediaType: "", digest, size: bytes.length }, limits)
    expect(await turnsOf(reading)).toBeGreaterThanOrEqual(30)
  })

  test("has its values counted over all turns", async () => {
    const wide = Buffer.from(`[${"0,".repeat(150_000)}"${" ".repeat(2 * bytesOfTurn)}",${"0,".repeat(60_000)}0]`)
    expect(await Effect.runPromise(Effect.flip(parseJson(wide)))).toMatch("more than 200000 values")
    const escaped = Buffer.from(`["${"x".repeat(bytesOfTurn - 3)}\\",${",".repeat(200_000)}"]`)
    expect(await Effect.runPromise(parseJson(escaped))).toHaveLength(1)
  })
})
