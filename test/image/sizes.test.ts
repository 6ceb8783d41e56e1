/** Sizes and counts that a document tells: whatever stands there, the end is a document whose numbers hold, or a reason. */
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { expect, test } from "vitest"
import { ConfigJson } from "../../src/image/ConfigJson.ts"
import { Index } from "../../src/image/Index.ts"
import { decodeAs, mostItems } from "../../src/image/json/decodeAs.ts"
import { mostKeys, parseJson } from "../../src/image/json/parseJson.ts"
import { Manifest } from "../../src/image/Manifest.ts"
import { runs } from "../support/runs.ts"

const digest = `sha256:${"a".repeat(64)}`
/** As text: some are no number that JSON.parse could give back. */
const size = fc.oneof(
  fc.constantFrom(
    "1",
    "0",
    "-0",
    "-1",
    "1.5",
    "1e3",
    "1e15",
    "9007199254740991",
    "9007199254740992",
    "1e400",
    "-1e400"
  ),
  fc.constantFrom("null", "true", '"1"', "[]", "[1]", "{}", "18446744073709551616", "0.1e1", "01", "NaN", "0x10"),
  fc.maxSafeInteger().map(String),
  fc.double().map(String)
)
const count = fc.oneof(
  { weight: 9, arbitrary: fc.nat(4) },
  { weight: 1, arbitrary: fc.constantFrom(mostItems, mostItems + 1, 20_000, 300_000) }
)
const list = (many: number, item: string) => `[${Array(many).fill(item).join(",")}]`
const wide = (keys: number) => `{${Array.from({ length: keys }, (_, at) => `"${at}":""`).join(",")}}`

const read = (text: string) =>
  Effect.runSync(
    Effect.result(
      Effect.flatMap(parseJson(Buffer.from(text)), (json) =>
        Effect.all([decodeAs(Manifest, json), decodeAs(Index, json), decodeAs(ConfigJson, json)])
      )
    )
  )

test("a document is refused unless its numbers are whole, safe and not negative, and its lists bounded", () => {
  const seen = { read: 0, refused: 0 }
  fc.assert(
    fc.property(size, size, fc.tuple(count, count, count, count), (one, other, [layers, entries, steps, labels]) => {
      const descriptor = (size: string) => `{"digest":"${digest}","size":${size}}`
      const end = read(
        `{"config":{"digest":"${digest}","size":${other},"Labels":${wide(labels)},"Env":${list(steps, '""')}},` +
          `"layers":${list(layers, descriptor(one))},"manifests":${list(entries, descriptor(other))},` +
          `"history":${list(steps, "{}")},"rootfs":{"type":"layers","diff_ids":${list(layers, `"${digest}"`)}}}`
      )
      if (end._tag === "Failure") {
        seen.refused += 1
        expect(end.failure).toMatch(/^.{1,600}$/)
        return
      }
      seen.read += 1
      const [manifest, index, config] = end.success
      for (const { size } of [manifest.config, ...manifest.layers, ...index.manifests])
        expect(Number.isSafeInteger(size) && size >= 0).toBe(true)
      for (const { length } of [manifest.layers, index.manifests, config.rootfs.diff_ids, config.history ?? []])
        expect(length).toBeLessThanOrEqual(mostItems)
      expect(Object.keys(config.config?.Labels ?? {}).length).toBeLessThanOrEqual(mostKeys)
    }),
    { numRuns: runs(150), seed: 12 }
  )
  expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(10)
})
