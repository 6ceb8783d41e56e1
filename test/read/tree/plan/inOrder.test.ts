/** The order of a plan is that of its paths, where names of directories that are compared end with a NUL. */
import fc from "fast-check"
import { expect, test } from "vitest"
import { isReason } from "../../../../src/api/errors.ts"
import { selectionOf } from "../../../../src/layer/tree/Selection.ts"
import { inOrder } from "../../../../src/read/tree/plan/inOrder.ts"
import { Plan } from "../../../../src/read/tree/plan/Plan.ts"
import { dir, file } from "../../../support/entries.ts"
import { mergeInMemory } from "../../../support/mergedTree.ts"
import { runs } from "../../../support/runs.ts"

const name = fc.constantFrom("a", "b", "a.b", "a-b", "ab", "B", "\xff")
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"))
const entry = fc.tuple(path, fc.boolean()).map(([at, isDirectory]) => (isDirectory ? dir(at) : file(at, "x")))

test.each([
  [{}],
  [{ only: ["a", "b/a"] }],
  [{ only: "a.b" }],
  [{ strip: 1 }],
  [{ only: ["a", "b/a", "ab"], strip: 2 }]
])("of %j", (options) => {
  let given = 0
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), (entries) => {
      let plan: Plan
      try {
        plan = new Plan(mergeInMemory([entries]), selectionOf(options))
      } catch (error) {
        // Two files that are one, or a file where a directory must be.
        if (isReason(error)) return
        throw error
      }
      const keyOf = (at: string) => at.replaceAll("/", "\0")
      const sorted = Array.from(plan.nodes, plan.pathOf).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
      const walked = Array.from(inOrder(plan), plan.pathOf)
      expect(walked).toEqual(sorted)
      given += walked.length
    }),
    { numRuns: runs(200) }
  )
  expect(given).toBeGreaterThan(20)
})
