/** The budget that an image's layers and their merges share: `limits.treeBytes`. */
import fc from "fast-check"
import { expect, test } from "vitest"
import { defaultLimits } from "../../../../src/api/config.ts"
import { packHeaders } from "../../../../src/layer/packHeaders.ts"
import { LayerMerge } from "../../../../src/read/tree/source/LayerMerge.ts"
import { makeTreeBudget } from "../../../../src/read/tree/source/layerIndex.ts"
import { file } from "../../../support/entries.ts"

const budgetOf = (treeBytes: number) => makeTreeBudget({ ...defaultLimits, treeBytes })
/** Takes 256 bytes and its name's. */
const headersOf = (path: string) => packHeaders([file(path)])
const tooMuch = expect.objectContaining({ _tag: "LimitExceeded", limit: "treeBytes" })

test("headers and what they imply are one sum, whichever comes first", () => {
  const steps = fc.array(fc.option(fc.stringMatching(/^[a-z]{1,9}$/), { nil: undefined }), { minLength: 1 })
  fc.assert(
    fc.property(steps, (names) => {
      const sum = names.reduce((bytes, name = "") => bytes + 256 + name.length, 0)
      const countAll = (treeBytes: number) => {
        const budget = budgetOf(treeBytes)
        const merge = budget.merge()
        for (const name of names)
          if (name === undefined) merge.imply()
          else budget.layer().add(headersOf(name))
      }
      countAll(sum)
      expect(() => countAll(sum - 1)).toThrow(tooMuch)
    })
  )
})

test("a layer, or a merge, that is dropped leaves nothing", () => {
  const budget = budgetOf(257 + 256)
  const [layer, merge] = [budget.layer(), budget.merge()]
  for (let round = 0; round < 3; round++) {
    layer.add(headersOf("a"))
    merge.imply()
    expect(merge.imply).toThrow(tooMuch)
    merge.drop()
    layer.drop()
  }
  budget.layer().add(headersOf("a"))
  budget.merge().imply()
})

test("layers that were merged before another one is read count with it, until their merge is dropped", async () => {
  const { signal } = new AbortController()
  const limits = { ...defaultLimits, treeBytes: 59 * 256 + 50 * 257 }
  const budget = makeTreeBudget(limits)
  const deep = [packHeaders([file(`${"d/".repeat(59)}f`)])]
  const merge = new LayerMerge(true, limits, budget)
  await merge.add({ index: 0, digest: "sha256:0123", headers: deep, isLast: false }, signal)
  const many = packHeaders(Array.from({ length: 51 }, () => file("m")))
  const layer = budget.layer()
  expect(() => layer.add(many)).toThrow(tooMuch)
  merge.drop()
  layer.drop()
  layer.add(many)
})
