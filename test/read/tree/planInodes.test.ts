/** The disk image of a merged tree is the one that its entries make, whatever is selected of it. */
import { createHash } from "node:crypto"
import fc from "fast-check"
import { expect, test } from "vitest"
import { isReason } from "../../../src/api/errors.ts"
import { readPlan, writeFrame } from "../../../src/erofs/erofsImage.ts"
import type { ErofsPlan } from "../../../src/erofs/planErofs.ts"
import { selectionOf } from "../../../src/layer/tree/Selection.ts"
import { Plan } from "../../../src/read/tree/plan/Plan.ts"
import { planInodes } from "../../../src/read/tree/planInodes.ts"
import { orderedCursors } from "../../../src/read/tree/source/orderedCursor.ts"
import { dir } from "../../support/entries.ts"
import { type Layers, mergeInMemory } from "../../support/mergedTree.ts"
import { randomTree } from "../../support/randomTree.ts"
import { runs } from "../../support/runs.ts"

const { signal } = new AbortController()

interface Outcome {
  /** A digest: images are large. */
  readonly image: string
  readonly dropped: ReadonlyArray<string>
}

/** What it is without the bytes of files, and what it warns of; or why there is none. */
const outcomeOf = async (
  planned: (onXattrDropped: (path: string, name: string) => void) => Promise<ErofsPlan>
): Promise<Outcome | "a reason"> => {
  const dropped: Array<string> = []
  try {
    const plan = await planned((path, name) => dropped.push(`${path} ${name}`))
    const image = Buffer.alloc(plan.size)
    for await (const { position, bytes } of writeFrame(plan)) image.set(bytes, position)
    return { image: createHash("sha256").update(image).digest("hex"), dropped }
  } catch (error) {
    if (!isReason(error)) throw error
    return "a reason"
  }
}

const planOf = (layers: Layers, options: Parameters<typeof selectionOf>[0]): Plan | undefined => {
  try {
    const plan = new Plan(mergeInMemory(layers), selectionOf(options))
    plan.tree.seal()
    return plan
  } catch (error) {
    if (!isReason(error)) throw error
    return undefined
  }
}

test.each([[{}], [{ only: ["a", "b/a", "etc"] }], [{ strip: 1 }], [{ only: ["a", "b", "ab"], strip: 2 }]])(
  "of %j",
  async (options) => {
    const seen = { images: 0, names: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(randomTree, { minLength: 1, maxLength: 3 }), fc.boolean(), async (trees, hasRoot) => {
        const layers = trees.map((tree, at) =>
          hasRoot && at === 0 ? [dir("./", { mode: 0o700, uid: 7 }), ...tree] : tree
        )
        const [plan, again] = [planOf(layers, options), planOf(layers, options)]
        if (plan === undefined || again === undefined) return
        const identity = "an image"
        const walked = await outcomeOf(
          async (onXattrDropped) => (await planInodes(plan, { identity, onXattrDropped, signal })).erofs
        )
        const { headers } = orderedCursors(again, { spools: new Map() })
        const read = await outcomeOf((onXattrDropped) => readPlan(headers(), { identity, onXattrDropped }))
        expect(walked).toEqual(read)
        if (walked === "a reason") return
        seen.images += 1
        seen.names += plan.nodes.length
      }),
      { numRuns: runs(40) }
    )
    expect(seen.images).toBeGreaterThan(10)
    expect(seen.names).toBeGreaterThan(10)
  }
)

test("a plan of more entries than a turn has is given up when its signal aborts", async () => {
  const entries = Array.from({ length: 5000 }, (_, at) => dir(`d${at}`))
  const plan = new Plan(mergeInMemory([entries]), selectionOf({}))
  const reason = new Error("left")
  const options = { identity: "", onXattrDropped: () => {}, signal: AbortSignal.abort(reason) }
  await expect(planInodes(plan, options)).rejects.toBe(reason)
})
