import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parseChallenges } from "../../../src/registry/headers/Challenge.ts"
import { cpuOf } from "../../support/cpuOf.ts"

const read = (header: string | ReadonlyArray<string> | undefined) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])

describe("WWW-Authenticate", () => {
  test("is read with commas, escapes and spaces where RFC 9110 allows them", () => {
    const cases: ReadonlyArray<readonly [string | ReadonlyArray<string>, unknown]> = [
      [
        'Bearer realm="https://auth.test/token",service="reg"',
        [["bearer", { realm: "https://auth.test/token", service: "reg" }]]
      ],
      [
        'Bearer scope="repository:a:pull,push repository:b:pull"',
        [["bearer", { scope: "repository:a:pull,push repository:b:pull" }]]
      ],
      ['BEARER  Realm = "a\\"b\\\\c" ,, service=x', [["bearer", { realm: 'a"b\\c', service: "x" }]]],
      [
        'Basic realm="a, b", Bearer realm=https://x/y,service=z',
        [
          ["basic", { realm: "a, b" }],
          ["bearer", { realm: "https://x/y", service: "z" }]
        ]
      ],
      [
        ["Negotiate", 'Basic realm="x"'],
        [
          ["negotiate", {}],
          ["basic", { realm: "x" }]
        ]
      ],
      [
        "Negotiate a87421000492aa==, Basic",
        [
          ["negotiate", {}],
          ["basic", {}]
        ]
      ],
      ['Bearer realm="",error="invalid_token"', [["bearer", { realm: "", error: "invalid_token" }]]],
      ['Bearer realm="first",realm="second"', [["bearer", { realm: "first" }]]],
      ['Bearer realm="never closed', [["bearer", {}]]],
      ["realm=x", []],
      ["", []]
    ]
    for (const [header, expected] of cases) expect(read(header), String(header)).toEqual(expected)
    expect(read(undefined)).toEqual([])
  })

  const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,6}$/)
  const parameters = fc.uniqueArray(fc.tuple(name, fc.string({ unit: "grapheme-ascii", maxLength: 12 })), {
    minLength: 1,
    maxLength: 4,
    selector: ([key]) => key
  })
  const challenges = fc.array(fc.tuple(fc.constantFrom("bearer", "basic", "x-y"), parameters), { maxLength: 4 })
  const quote = (value: string) => `"${value.replace(/["\\]/g, "\\$&")}"`

  test("is read back as it was written, on one line or several", () => {
    fc.assert(
      fc.property(challenges, fc.boolean(), (wanted, joined) => {
        const lines = wanted.map(
          ([scheme, pairs]) => `${scheme} ${pairs.map(([key, value]) => `${key}=${quote(value)}`).join(", ")}`
        )
        expect(read(joined ? lines.join(", ") : lines)).toEqual(
          wanted.map(([scheme, pairs]) => [scheme, Object.fromEntries(pairs)])
        )
      })
    )
  })

  test("may hold anything: reading ends, and soon", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => void parseChallenges(text)))
    const hostile = [
      `Bearer a="${"\\".repeat(1e6)}`,
      `${"a".repeat(1e6)}`,
      `Bearer ${"a=,".repeat(1e6)}`,
      `x ${"a".repeat(8000)}!`
    ]
    expect(cpuOf(() => hostile.map((it) => parseChallenges(it)))).toBeLessThan(1000)
  })
})
