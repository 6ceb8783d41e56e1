import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { deepest, mostKeys, mostValues, parseJson } from "../../../src/image/json/parseJson.ts"

const read = (text: string) => Effect.runSync(Effect.result(parseJson(Buffer.from(text))))
const problem = (text: string) => {
  const result = read(text)
  return result._tag === "Failure" ? result.failure : undefined
}
/** So many elements of a list, which is a value too. */
const list = (count: number, element: string) => `[${Array(count).fill(element).join(",")}]`
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`

describe("a document", () => {
  test("has as many values as are read in a moment, and no more", () => {
    expect(problem(list(mostValues - 1, "0"))).toBeUndefined()
    for (const text of [
      list(mostValues, "0"),
      list(mostValues, '""'),
      list(mostValues / 2, "[0]"),
      `{"history":${list(mostValues, "{}")}}`,
      `{"a":{"b":${list(mostValues, "null")}}}`
    ])
      expect(problem(text)).toBe(`it has more than ${mostValues} values`)
  })

  test("has so many keys in all its objects, and no more", () => {
    const wide = (keys: number) => Object.fromEntries(Array.from({ length: keys }, (_, at) => [`key ${at}`, 0]))
    expect(problem(JSON.stringify(wide(mostKeys)))).toBeUndefined()
    for (const json of [
      wide(mostKeys + 1),
      { config: { Labels: wide(mostKeys) } },
      { config: { Volumes: wide(mostKeys) } },
      { manifests: Array.from({ length: 4096 }, () => ({ annotations: wide(8) })) }
    ])
      expect(problem(JSON.stringify(json))).toBe(`it has more than ${mostKeys} keys`)
    expect(problem(JSON.stringify({ text: ":".repeat(2 * mostKeys) }))).toBeUndefined()
  })

  test("is nested so deep, and no deeper", () => {
    expect(problem(nested(deepest))).toBeUndefined()
    for (const text of [nested(deepest + 1), '{"a":'.repeat(deepest + 1), nested(2_000_000)])
      expect(problem(text)).toBe(`it is nested more than ${deepest} deep`)
  })

  test("may say anything in its texts", () => {
    for (const text of [",".repeat(2 * mostValues), '\\"[{'.repeat(100_000), "\\\\", "]}".repeat(1000)])
      expect(problem(JSON.stringify({ text }))).toBeUndefined()
  })

  test("is read as JSON.parse reads it, whatever it is", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const result = read(text)
        const parsed: unknown = JSON.parse(text, function (this: unknown, _key, value: unknown) {
          return value === null && !Array.isArray(this) ? undefined : value
        })
        expect(result._tag === "Success" && result.success).toEqual(parsed)
      })
    )
  })
})
