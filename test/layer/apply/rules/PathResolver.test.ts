/** No sequence of entries, however hostile, changes anything outside the root. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { expect, test } from "vitest"
import { isReason } from "../../../../src/api/errors.ts"
import { snapshot, trySetAttribute } from "../../../support/diskTree.ts"
import { apply, temporary, thrown } from "../../../support/entries.ts"
import { hostileEntry } from "../../../support/hostileEntries.ts"
import { runs } from "../../../support/runs.ts"

test.each(["layers", "overlay", "rootfs"] as const)("%s: no sequence of entries changes anything outside", (layout) => {
  const outside = temporary()
  mkdirSync(join(outside, "victim/a/b"), { recursive: true })
  writeFileSync(join(outside, "victim/hello"), "world", { mode: 0o640 })
  writeFileSync(join(outside, "victim/a/hello"), "world")
  symlinkSync("hello", join(outside, "victim/b"))
  trySetAttribute(join(outside, "victim/hello"), "user.sentinel", "1")
  let round = 0
  const was = snapshot(join(outside, "victim"))
  fc.assert(
    fc.property(
      fc.array(fc.array(hostileEntry, { minLength: 1, maxLength: 14 }), { minLength: 1, maxLength: 2 }),
      (layers) => {
        round += 1
        const store = join(outside, `store${round}`)
        const root = join(store, "root")
        mkdirSync(root, { recursive: true })
        for (const entries of layers) {
          const real = entries.map((it) => ({ ...it, linkPath: it.linkPath.replace("OUTSIDE", outside) }))
          const error = thrown(() => apply(root, real, { layout }))
          if (error !== undefined && !isReason(error)) throw error
          if (layout !== "rootfs") break
        }
        expect(snapshot(join(outside, "victim"))).toEqual(was)
        expect(Object.keys(snapshot(store, (it) => it === root || it === `${root}.stat`))).toEqual([""])
      }
    ),
    { numRuns: runs(200) }
  )
})
