import { readFile } from "node:fs/promises"
import { describe, expect, test } from "vitest"
import { type Reason, reasons } from "../../src/api/errors.ts"

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
    const reason = Object.entries(reasons).find(([tag]) => `\`${tag}\`` === name)?.[1]
    const made = (status: number) => Reflect.construct(reason ?? Error, [{ status }]) as Reason
    expect([true, false]).toContain(made(400).isRetryable)
    expect(retryable).toBe(made(400).isRetryable ? "yes" : made(503).isRetryable ? "if 408 or 5xx" : "no")
  })

  test.for(rows)("%s has a meaning and an advice", ([, , meaning = "", , advice = ""]) => {
    expect(meaning).toMatch(/\.$/)
    expect(advice).not.toBe("")
  })
})
