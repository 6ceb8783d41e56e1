import { readFile } from "node:fs/promises"
import { describe, expect, test } from "vitest"
import { reasons } from "../../src/api/errors.ts"
import { sampleReason } from "../support/reasons.ts"

const page = await readFile(new URL("../../docs/errors.md", import.meta.url), "utf8")
const rows = page
  .split("\n")
  .filter((line) => /^\| `[A-Z]/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))

describe("docs/errors.md", () => {
  test("lists every reason once, in the order of the source, and no other", () => {
    expect(rows.map(([, name]) => name)).toEqual(Object.keys(reasons).map((name) => `\`${name}\``))
  })

  test.for(rows)("%s is as retryable as it says", ([, name = "", , retryable]) => {
    const [all, none] = [[400, 408, 429, 500, 501, 502, 503, 599], []]
    const retried = all.filter((status) => sampleReason(name.replaceAll("`", ""), { status }).isRetryable)
    const said: Readonly<Record<string, ReadonlyArray<number>>> = {
      yes: all,
      no: none,
      "if 408 or 5xx, but 501": [408, 500, 502, 503, 599]
    }
    expect(retried).toEqual(said[retryable ?? ""])
  })

  test.for(rows)("%s has a meaning and an advice", ([, , meaning = "", , advice = ""]) => {
    expect(meaning).toMatch(/\.$/)
    expect(advice).not.toBe("")
  })
})
