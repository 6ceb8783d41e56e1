import { stripVTControlCharacters, styleText } from "node:util"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { paintLine, type Span, spaced } from "../../../src/cli/progress/line.ts"

describe("a line", () => {
  const words: ReadonlyArray<Span> = [["red", "red"], [" "], ["plain"]]

  test("has its spans in their colours, where colours are wanted", () => {
    expect(paintLine(words, { color: false, columns: 80 })).toBe("red plain")
    const red = styleText("red", "red", { validateStream: false })
    expect(paintLine(words, { color: true, columns: 80 })).toBe(`${red} plain`)
  })

  test("is cut at the terminal's edge, within a span or between two", () => {
    const at = (columns: number) => paintLine(words, { color: false, columns })
    expect([9, 8, 4, 3, 2, 1].map(at)).toEqual(["red plain", "red pla…", "red…", "re…", "r…", "…"])
  })

  test("is as wide with colours as without", () => {
    const spans = fc.array(fc.tuple(fc.string(), fc.constantFrom("red" as const, "dim" as const, undefined)))
    fc.assert(
      fc.property(spans, fc.integer({ min: 1, max: 60 }), (spans, columns) => {
        const line = paintLine(spans, { color: false, columns })
        expect(line.length).toBeLessThanOrEqual(columns)
        expect(stripVTControlCharacters(paintLine(spans, { color: true, columns }))).toBe(line)
      })
    )
  })

  test("has two spaces between spans, and none for a span without text", () => {
    const text = spaced(["a"], [""], ["b"], [""]).map(([text]) => text)
    expect(text.join("")).toBe("a  b")
    expect(spaced([""])).toEqual([])
  })
})
