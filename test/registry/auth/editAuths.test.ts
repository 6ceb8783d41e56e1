import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { hasLogin, withLogin, withoutLogin } from "../../../src/registry/auth/editAuths.ts"

const entry = { auth: "bWU6c2VjcmV0" }
const put = (text: string, key = "r.test") => withLogin(text, "r.test", key, entry)
const take = (text: string) => withoutLogin(text, "r.test")

describe("a login in docker's config.json", () => {
  test("is all that changes: numbers, null, order, spaces and escapes of the rest stay to the byte", () => {
    const before = `{
  "big": 12345678901234567890, "n": 1.0, "e": 1E+2, "none": null,
  "auths"  : { "a.test" : {"auth":"eA==","extra":null, "id": 18446744073709551615} },
\t"s\\u0041": "\\u0041\\/",   "deep":[[{"a":[1,2,{}]}]]
}`
    const after = put(before)
    const added = /,\s*"r\.test": \{[^}]*\}/
    expect(after).toMatch(added)
    expect(after.replace(added, "")).toBe(before)
    expect(take(after)).toBe(before)
    expect(JSON.parse(after).auths["r.test"]).toEqual(entry)
  })

  test("takes the place of the one that was there, however the registry is spelt; parts of it stay", () => {
    const before =
      '{"auths":{"https://R.test/v1/":{"auth":"1"},"r.test/org":{"auth":"2"},"r.test":{"auth":"3"},"http://r.test":{}}}'
    const after = put(before)
    expect(after).toBe(`{"auths":{"r.test/org":{"auth":"2"},"r.test":${JSON.stringify(entry)}}}`)
    expect(take(after)).toBe('{"auths":{"r.test/org":{"auth":"2"}}}')
    expect(hasLogin(before, "r.test") && !hasLogin(take(before), "r.test")).toBe(true)
  })

  test("is laid out as docker does in a new file, as its neighbours in another", () => {
    expect(put("{}\n")).toBe('{\n\t"auths": {\n\t\t"r.test": {\n\t\t\t"auth": "bWU6c2VjcmV0"\n\t\t}\n\t}\n}\n')
    expect(put('{"a":1}')).toBe(`{"a":1,"auths":{"r.test":${JSON.stringify(entry)}}}`)
    expect(put('{\r\n  "auths": {}\r\n}')).toBe(
      '{\r\n  "auths": {\r\n    "r.test": {\r\n      "auth": "bWU6c2VjcmV0"\r\n    }\r\n  }\r\n}'
    )
    expect(take(put("{}\n"))).toBe('{\n\t"auths": {}\n}\n')
  })

  test("is found where Go finds it: under a name in any case, in each of several, after a null", () => {
    expect(JSON.parse(put('{"Auths":{"a":{}}}'))).toEqual({ Auths: { a: {}, "r.test": entry } })
    expect(JSON.parse(put('{"auths":null}'))).toEqual({ auths: { "r.test": entry } })
    expect(take('{"auths":{"r.test":{}},"AUTHS":{"r.test":{}},"auths":{"r.test":{}}}')).toBe(
      '{"auths":{},"AUTHS":{},"auths":{}}'
    )
    expect(put('{"auths":{"r.test":{}},"AUTHS":{},"auths":{}}')).toBe(
      `{"auths":{},"AUTHS":{},"auths":{"r.test":${JSON.stringify(entry)}}}`
    )
  })

  test("goes in and out of any JSON", () => {
    const host = fc.constantFrom("r.test", "https://r.test/v2/", "a.test", 'b"}')
    const file = fc.record(
      {
        auths: fc.dictionary(
          host,
          fc.json().map((it) => JSON.parse(it))
        ),
        z: fc.json().map((it) => JSON.parse(it))
      },
      { requiredKeys: [] }
    )
    fc.assert(
      fc.property(file, fc.constantFrom(undefined, 1, 2, "\t"), (value, space) => {
        const text = JSON.stringify(value, null, space)
        const after = put(text)
        const others = Object.entries(value.auths ?? {}).filter(
          ([key]) => !/^(?:https:\/\/)?r\.test(?:\/v2\/)?$/.test(key)
        )
        const expected = Object.fromEntries(others)
        expect(JSON.parse(after)).toEqual(
          JSON.parse(JSON.stringify({ ...value, auths: { ...expected, "r.test": entry } }))
        )
        expect(JSON.parse(take(after)).auths).toEqual(JSON.parse(JSON.stringify(expected)))
        if (
          value.auths !== undefined &&
          Object.keys(value.auths).length > 0 &&
          others.length === Object.keys(value.auths).length
        )
          expect(take(after)).toBe(text)
      })
    )
  })
})
