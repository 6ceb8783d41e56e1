import { expect, test } from "vitest"
import { merge } from "../../src/stages/index.ts"
import { dir, file, link, type TestEntry } from "../support/entries.ts"
import { lowerLayer, mergeCases, whiteoutCases } from "../support/layerMerges.ts"

const lineOf = (layers: ReadonlyArray<ReadonlyArray<TestEntry>>) => {
  const merged = merge(layers)
  const textOf = (layer: number, ordinal: number | undefined) =>
    ordinal === undefined ? "" : (layers[layer]?.[ordinal]?.body?.toString() ?? "")
  const lines = new Map<string, string>()
  for (const { header, layer, ordinal } of merged) {
    if (header.type === "directory") lines.set(header.path, `${header.path}/`)
    else if (header.type === "symlink") lines.set(header.path, `${header.path} -> ${header.linkPath}`)
    else if (header.type === "link")
      lines.set(header.path, `${header.path} = ${lines.get(header.linkPath)?.split(" = ")[1] ?? "?"}`)
    else lines.set(header.path, `${header.path} = ${textOf(layer, ordinal)}`)
  }
  return [...lines.values()].sort()
}

test.each(Object.entries({ ...whiteoutCases, ...mergeCases }))("%s", (_, [upper, expected]) => {
  expect(lineOf([lowerLayer, upper])).toEqual([...expected].sort())
})

test("the order is one that an archive can be written in, and says where each body is", () => {
  const lower = [file("a/b/f", "1"), link("h", "a/b/f"), file("only", "2")]
  const upper = [dir("z"), file("z/g", "33"), file("empty"), file("y", "4")]
  expect(merge([lower, upper]).map(({ header, layer, ordinal }) => [header.path, header.type, layer, ordinal])).toEqual(
    [
      ["a", "directory", -1, undefined],
      ["a/b", "directory", -1, undefined],
      ["z", "directory", 1, undefined],
      ["empty", "file", 1, undefined],
      ["z/g", "file", 1, 1],
      ["y", "file", 1, 3],
      ["a/b/f", "file", 0, 0],
      ["h", "link", 0, undefined],
      ["only", "file", 0, 2]
    ]
  )
})

test("only and strip select, and contradictions and limits are errors", () => {
  const layer = [file("a/f", "1"), file("b/f", "2"), file("c/g", "3")]
  expect(merge([layer], { only: "a", strip: 1 }).map(({ header }) => header.path)).toEqual(["f"])
  expect(() => merge([layer], { strip: 1 })).toThrow(expect.objectContaining({ _tag: "InvalidOption" }))
  expect(merge([layer], { limits: { entries: 6 } })).toHaveLength(6)
  expect(() => merge([layer], { limits: { entries: 5 } })).toThrow(expect.objectContaining({ _tag: "LimitExceeded" }))
  expect(() => merge([[file("f", "1"), file("f/g", "2")]])).toThrow(expect.objectContaining({ _tag: "UnsafeEntry" }))
})
