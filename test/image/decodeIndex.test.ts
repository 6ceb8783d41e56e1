import * as Effect from "effect/Effect"
import fc from "fast-check"
import { expect, test } from "vitest"
import { decodeIndex } from "../../src/image/decodeIndex.ts"
import { Index } from "../../src/image/Index.ts"
import { decodeAs } from "../../src/image/json/decodeAs.ts"
import { runs } from "../support/runs.ts"

const digestOf = (at: number) => `sha256:${at.toString(16).padStart(64, "0")}`
const list = (many: number) =>
  Array.from({ length: many }, (_, at) => ({ mediaType: "m", digest: digestOf(at), size: at, artifactType: "a/b" }))

const entry = fc.oneof(
  fc.record({ Digest: fc.nat(9).map(digestOf), size: fc.nat(9) }),
  fc.record({ digest: fc.nat(9).map(digestOf), size: fc.integer(), annotations: fc.anything() }),
  fc.constantFrom(null, 7, "x", [], {}, { digest: "nonsense", size: 1 })
)

test("an index is read the same in one turn and in several", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(entry, { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 1, max: 60 }),
      fc.constantFrom("manifests", "Manifests"),
      async (entries, times, name) => {
        const json = { mediaType: "i", annotations: { a: "b" }, [name]: Array(times).fill(entries).flat() }
        const [at, inTurns] = [Effect.runSync(decodeAs(Index, json)), await Effect.runPromise(decodeIndex(json, 4096))]
        expect({ ...inTurns }).toEqual({ ...at })
      }
    ),
    { numRuns: runs(60) }
  )
})

test.each([128, 129, 8192])(
  "a list of %d entries is read where so many are allowed, and none that is longer",
  async (most) => {
    const read = (many: number) => Effect.runPromise(Effect.result(decodeIndex({ manifests: list(many) }, most)))
    expect(await read(most)).toMatchObject({ success: { manifests: { length: most } } })
    expect(await read(most + 1)).toMatchObject({ failure: `it has a list of more than ${most} items` })
  }
)

test("what is wrong with a long index is told", async () => {
  for (const [wrong, problem] of [
    [{ manifests: list(500), Manifests: list(500) }, "it has both manifests and Manifests"],
    [{ manifests: list(500), artifactType: 1, ARTIFACTTYPE: 1 }, "it has both artifactType and ARTIFACTTYPE"],
    [{ manifests: [...list(500), { digest: digestOf(1), Digest: digestOf(2) }] }, "it has both digest and Digest"]
  ] as const)
    expect(await Effect.runPromise(Effect.flip(decodeIndex(wrong, 4096)))).toBe(problem)
})

test("while a long list is read, other work goes on", async () => {
  let turns = 0
  const count = () => {
    turns += 1
    timer = setImmediate(count)
  }
  let timer = setImmediate(count)
  await Effect.runPromise(decodeIndex({ manifests: list(4096) }, 4096))
  clearImmediate(timer)
  expect(turns).toBeGreaterThan(10)
})
