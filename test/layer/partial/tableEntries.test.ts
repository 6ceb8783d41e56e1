import fc from "fast-check"
import { expect, test } from "vitest"
import { entryAt, tableEntries } from "../../../src/layer/partial/tableEntries.ts"

const corrupt = (problem: string) => new Error(problem)

const read = (json: string, most = 1000): ReadonlyArray<unknown> => {
  const bytes = Buffer.from(json)
  const entries = tableEntries(bytes, most, corrupt)
  return entries.starts.map((_, at) => entryAt(bytes, entries, at, corrupt))
}

test("the entries are those that JSON.parse finds, however they are written", () => {
  const entries = fc.array(fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue({ maxDepth: 3 })), {
    maxLength: 10
  })
  const space = fc.constantFrom(undefined, "\t", 2)
  fc.assert(
    fc.property(
      entries,
      space,
      fc.dictionary(fc.constantFrom("tarSplitDigest", "x"), fc.jsonValue()),
      (list, gap, more) => {
        const json = JSON.stringify({ ...more, version: 1, entries: list, after: { entries: [1] } }, undefined, gap)
        expect(read(json)).toEqual(JSON.parse(json).entries)
      }
    )
  )
})

test.each([
  ["", "no list of entries"],
  ["[]", "no list of entries"],
  ['{"version":1}', "no list of entries"],
  ['{"version":1,"a":{"entries":[]}}', "no list of entries"],
  ['{"version":2,"entries":[]}', "a version other than 1"],
  ['{"entries":[]}', "a version other than 1"],
  ['{"version":1,"entries":[1]}', "not an object"],
  ['{"version":1,"entries":["a"]}', "not an object"],
  ['{"version":1,"entries":[null]}', "not an object"],
  ['{"version":1,"entries":[[{}]]}', "not an object"],
  ['{"version":1,"entries":[{}]', "not valid JSON"],
  ['{"version":1,"entries":[{"a', "cut off"],
  ['{"version":1,"entries":[{"a":}]}', "not valid JSON"],
  ['{"version":1,"entries":[],"entries":[]}', "two lists"],
  [`{"version":1,"x":"${"y".repeat(5000)}","entries":[]}`, "large header"]
])("%s is refused", (json, problem) => {
  expect(() => read(json)).toThrow(problem)
})

test("as many entries as the limit, and no more", () => {
  const json = '{"version":1,"entries":[{},{},{}]}'
  expect(read(json, 3)).toHaveLength(3)
  expect(() => read(json, 2)).toThrow("more than 2 entries")
})
