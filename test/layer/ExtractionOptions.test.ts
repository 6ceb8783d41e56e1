import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import type { PullerOptions } from "../../src/api/config.ts"
import { checkOptions } from "../../src/api/options/checkOptions.ts"
import { extractionOf, variantOf } from "../../src/layer/ExtractionOptions.ts"

const variant = (options: PullerOptions) => variantOf(extractionOf({ overlayAttributes: "trusted", ...options }))

describe("variantOf", () => {
  test.each<[PullerOptions, string]>([
    [{}, ""],
    [{ ownership: "xattr", statFormat: "seed", layout: "layers" }, ""],
    [{ statFormat: "containers" }, "containers"],
    [{ ownership: "chown" }, "chown"],
    [{ ownership: "none", statFormat: "containers" }, "none"],
    [{ layout: "overlay" }, "overlay-trusted"],
    [{ layout: "overlay", overlayAttributes: "user", ownership: "chown" }, "chown-overlay-user"],
    [{ layout: "rootfs", ownership: "chown" }, "chown"],
    [{ layout: "rootfs", overlayAttributes: "user" }, ""]
  ])("%o is %j", (options, expected) => {
    expect(variant(options)).toBe(expected)
  })
})

describe("checkOptions", () => {
  const problem = (options: unknown) =>
    Effect.runPromise(Effect.flip(checkOptions("open", options as PullerOptions))).then(({ option }) => option)

  test.each([
    ["ownership", { ownership: "root" }],
    ["statFormat", { statFormat: "" }],
    ["layout", { layout: "rootFS" }],
    ["overlayAttributes", { overlayAttributes: null }],
    ["concurrency", { concurrency: 0 }],
    ["concurrency", { concurrency: 1.5 }],
    ["workers", { workers: -1 }],
    ["limits.entries", { limits: { entries: Number.NaN } }],
    ["limits.depth", { limits: { depth: -1 } }],
    ["timeouts.idle", { timeouts: { idle: 0 } }],
    ["retry.times", { retry: { times: "3" } }]
  ])("%s is refused: %o", async (option, options) => {
    expect(await problem(options)).toBe(option)
  })

  test("what is not said, what is allowed, and limits without end pass", async () => {
    const options: PullerOptions = {
      concurrency: 1,
      workers: undefined,
      layout: "rootfs",
      limits: { entries: Number.POSITIVE_INFINITY, depth: 0 },
      retry: { times: 0, base: 0 }
    }
    await Effect.runPromise(checkOptions("open", options))
    await Effect.runPromise(checkOptions("open", {}))
  })
})
