import { readFileSync } from "node:fs"
import { expect, test } from "vitest"

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")
const source = read("src/api/events.ts")
const [events = "", warnings = ""] = read("docs/events.md").split("## Warnings")

const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name)

test("every event has its row, and no row is of another", () => {
  const tags = matches(source, /readonly _tag: "(\w+)"/g)
  expect(tags.length).toBeGreaterThan(8)
  expect(matches(events, /^\| `([A-Z]\w+)` \|/gm).sort()).toEqual(tags.sort())
})

test("every code of a warning is told", () => {
  const union = /type WarningCode =([^=]+?)\n\/\*\*/.exec(source)?.[1] ?? ""
  const codes = matches(union, /"(\w+)"/g)
  expect(codes.length).toBeGreaterThan(10)
  const told = warnings.split("\n").flatMap((line) => matches(line.split("|")[1] ?? "", /`([A-Z]\w+)`/g))
  expect(told.sort()).toEqual(codes.sort())
})
