/** Rules of the option `verify`, each by its scope. */
import { expect, test } from "vitest"
import { compileRules } from "../../../src/signatures/rules/compileRules.ts"

test.for([
  ["docker.io/org/app", "index.docker.io/org/app"],
  ["registry-1.docker.io", "docker.io"],
  ["registry.example.com/app", "REGISTRY.example.com/app"],
  ["*.Example.com", "*.example.com"]
])(
  "two rules for one scope, written as %s and %s, refuse its images: neither is known to be meant",
  ([one = "", other = ""]) => {
    for (const [first, second] of [
      [one, other],
      [other, one]
    ] as const) {
      const rules = compileRules({
        rules: [
          { scope: first, any: [{ key: "key.pub" }] },
          { scope: second, always: "accept" }
        ],
        otherwise: "accept"
      })
      expect([...rules.keys()]).toHaveLength(2)
      expect([...rules.values()].at(-1)).toMatchObject({
        _tag: "Refuse",
        problem: expect.stringMatching(/^two rules are for /)
      })
    }
  }
)

test("a rule for any registry stands for `otherwise`", () => {
  const rules = compileRules({ rules: [{ scope: "*", always: "accept" }], otherwise: "refuse" })
  expect([...rules]).toEqual([["*", { _tag: "Accept" }]])
})
