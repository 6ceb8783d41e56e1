import { posix } from "node:path"
import fc from "fast-check"
import { expect, test } from "vitest"
import { defaultLimits } from "../../../../src/api/config.ts"
import { checkTarget, cleanName } from "../../../../src/layer/apply/rules/cleanName.ts"
import { thrown } from "../../../support/entries.ts"

const refusal = { digest: "sha256:0", limits: defaultLimits }

test.each([
  ["a/b", ["a", "b"]],
  ["/a//b/", ["a", "b"]],
  ["./a/./b/.", ["a", "b"]],
  ["../a", ["a"]],
  ["a/../../b", ["b"]],
  ["a/..", []],
  ["...", ["..."]],
  [". .", [". ."]],
  ["", []]
])("%j is %j", (path, names) => {
  expect(cleanName(path, refusal)).toEqual(names)
})

test("a name is read as a path beneath / is", () => {
  const component = fc.constantFrom("..", ".", "", "a", "b", "...", ".wh.a", "\xff")
  fc.assert(
    fc.property(fc.array(component, { maxLength: 12 }), (components) => {
      const path = components.join("/")
      const expected = posix.join("/", path).split("/").filter(Boolean)
      expect(cleanName(path, refusal)).toEqual(expected)
    })
  )
})

test.each(["a\\b", "C:x", "a:stream", "con", "COM1.txt", "aux.c", "nul", "x.", "x ", "a/b?/c", "a|b"])(
  "Windows refuses %j, which it would read as something else",
  (path) => {
    expect(thrown(() => cleanName(path, refusal, "win32"))).toMatchObject({ _tag: "UnsafeEntry" })
    expect(cleanName(path, refusal, "linux").join("/")).toBe(path)
  }
)

test.each(["a.b", ".wh.x", "con1", "console", "a b"])("Windows takes %j", (path) => {
  expect(cleanName(path, refusal, "win32")).toEqual([path])
})

test("a link's target is any text but none, one past its limit, and one with a NUL byte", () => {
  expect(checkTarget("../../..", "l", refusal)).toBe("../../..")
  expect(checkTarget("x".repeat(4096), "l", refusal)).toHaveLength(4096)
  expect(thrown(() => checkTarget("x".repeat(4097), "l", refusal))).toMatchObject({ limit: "linkBytes" })
  expect(thrown(() => checkTarget("", "l", refusal))).toMatchObject({ _tag: "UnsafeEntry" })
  expect(thrown(() => checkTarget("a\0", "l", refusal))).toMatchObject({ _tag: "UnsafeEntry" })
})
