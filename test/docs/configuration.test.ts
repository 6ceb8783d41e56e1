import { readFile } from "node:fs/promises"
import { describe, expect, test } from "vitest"
import { defaultLimits, defaultRetry, defaultTimeouts } from "../../src/api/config.ts"

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), "utf8")
const [page, source] = [await read("docs/configuration.md"), await read("src/api/config.ts")]

/** The keys of every interface of the source. */
const keys = [...source.matchAll(/^export interface (\w+)[^{]*\{\n([\s\S]*?)^\}/gm)].flatMap(
  ([, name = "", body = ""]) =>
    [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, key = ""]) => [name, key] as const)
)

const rows = page
  .split("\n")
  .filter((line) => /^\| `/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))

describe("docs/configuration.md", () => {
  test("the reader of interfaces sees what is there", () => {
    expect(keys).toContainEqual(["PullerOptions", "root"])
    expect(keys.length).toBeGreaterThan(30)
  })

  test.each(keys)("%s: %s is listed", (_, key) => {
    expect(page).toContain(`\`${key}\``)
  })

  const defaults = { ...defaultLimits, ...defaultTimeouts, ...defaultRetry }
  test.each(Object.entries(defaults))("%s is %d by default", (key, value) => {
    const told =
      rows.find(([, name, , said]) => name === `\`${key}\`` && /^(?:\d|`Infinity`)/.test(said ?? ""))?.[3] ?? ""
    if (told === "`Infinity`") return expect(value).toBe(Number.POSITIVE_INFINITY)
    const [, number = "", unit] = /^([\d ]+?)(?: ([MG])iB)?$/.exec(told) ?? []
    const factor = unit === "G" ? 2 ** 30 : unit === "M" ? 2 ** 20 : 1
    expect(Number(number.replaceAll(" ", "")) * factor).toBe(value)
  })
})
