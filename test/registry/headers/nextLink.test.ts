import fc from "fast-check"
import { expect, test } from "vitest"
import { nextLink } from "../../../src/registry/headers/nextLink.ts"

const next = (...link: ReadonlyArray<string>) => nextLink({ link: [...link] })

test("of several links the one to the next page counts, however they are written", () => {
  expect(nextLink({})).toBeUndefined()
  expect(nextLink({ link: "" })).toBeUndefined()
  expect(next('<a>; rel="next"')).toBe("a")
  expect(next("<a>;rel=next")).toBe("a")
  expect(next("<a> ; REL = Next ,")).toBe("a")
  expect(next('<a>; rel="prev"', '<b>; title="<c>; rel=next"; rel="up next"')).toBe("b")
  expect(next('<a,b>; rel="last", <c;d>; anchor; rel=next')).toBe("c;d")
  expect(next('<a>; rel="prev"; rel="next"')).toBeUndefined()
  expect(next('<a>; title="\\"next\\""; rel=prev, <b>; rel=next')).toBe("b")
})

test("a link without a relation is the next page's, where no other is", () => {
  expect(next("<a>")).toBe("a")
  expect(next("<a>, <b>; rel=next")).toBe("b")
})

test.each(["a", "a; rel=next", "<a; rel=next", "<a> b", '<a>; rel="next', "<a>; rel=next <b>", "<<a>>"])(
  "where a list goes on cannot be told from %s",
  (text) => {
    expect(next(text)).toBeNull()
  }
)

test("any header is read in the time of its length", () => {
  for (const text of ["; ", ";\t=", " ", "<a>;", ',"', '"\\']) next(`<a>${text.repeat(8000)}x`)
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'<>;,=" \\rel=next') }), (text) => {
      const found = next(text)
      expect(found === null || found === undefined || text.includes(`<${found}>`)).toBe(true)
    })
  )
})
