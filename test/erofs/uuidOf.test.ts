/** The hash of all entries is given up with the work that it is for. */
import { describe, expect, test } from "vitest"
import { readPlan, writeFrame, writePlan } from "../../src/erofs/erofsImage.ts"
import { Turns } from "../../src/erofs/Turns.ts"
import { uuidOf } from "../../src/erofs/uuidOf.ts"
import { symlink } from "../support/entries.ts"
import { chunksOf, sourceOf } from "../support/erofsImage.ts"

/** More than are hashed in one turn. */
const source = sourceOf(Array.from({ length: 5000 }, (_, at) => symlink(`l${at}`, "t")))
const plan = await readPlan(source.headers())
const reason = new Error("left")

describe("where its signal aborts in between", () => {
  test("the UUID is not computed to its end", async () => {
    const leaving = new AbortController()
    const uuid = uuidOf(plan, new Turns(leaving.signal))
    leaving.abort(reason)
    await expect(uuid).rejects.toBe(reason)
    expect(await uuidOf(plan, new Turns(new AbortController().signal))).toEqual(await uuidOf(plan, new Turns()))
  })

  test("the image gives no chunk", async () => {
    const gone = AbortSignal.abort(reason)
    await expect(writeFrame(plan, gone).next()).rejects.toBe(reason)
    await expect(chunksOf(writePlan(plan, source.bodies(), gone))).rejects.toBe(reason)
  })
})
