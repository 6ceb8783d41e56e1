import { describe, expect, test } from "vitest"
import { counted } from "../../src/api/counted.ts"
import { BlobInterrupted, NotEnoughSpace, SizeMismatch } from "../../src/api/errors.ts"
import { plainLine } from "../../src/cli/progress/plainLine.ts"
import { resolved } from "../cli/events.ts"

test("one is not many, and none is", () => {
  expect([0, 1, 2].map((count) => counted(count, "byte"))).toEqual(["0 bytes", "1 byte", "2 bytes"])
  expect([0, 1, 2].map((count) => counted(count, "entry", "entries"))).toEqual(["0 entries", "1 entry", "2 entries"])
})

const digest = `sha256:${"a".repeat(64)}`

describe("a message about one", () => {
  test.for([
    new SizeMismatch({ subject: "blob", expected: 2, actual: 1 }).message,
    new SizeMismatch({ subject: "blob", expected: 1, actual: 2 }).message,
    new BlobInterrupted({ digest, offset: 1, problem: "reset" }).message,
    new NotEnoughSpace({ path: "/x", needed: 10, available: 1 }).message,
    plainLine({ ...resolved, layers: resolved.layers.slice(0, 1) }) ?? "",
    plainLine({ _tag: "LayerDone", digest, diffId: digest, path: "/x", inflated: 1, entries: 1 }) ?? "",
    plainLine({ _tag: "Quota", registry: "r.test", limit: 1, remaining: 1 }) ?? ""
  ])("%s", (message) => {
    expect(message).toMatch(/\b1 \w/)
    expect(message).not.toMatch(/\b1 (bytes|layers|entries|pulls|differences|images|files)\b/)
  })
})
