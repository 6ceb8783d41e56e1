/** No sequence of entries, however hostile, changes anything outside the root. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { expect, test } from "vitest"
import { isReason } from "../../../../src/api/errors.ts"
import { snapshot, trySetAttribute } from "../../../support/diskTree.ts"
import {
  apply,
  device,
  dir,
  fifo,
  file,
  link,
  symlink,
  type TestEntry,
  temporary,
  thrown
} from "../../../support/entries.ts"

/** Few names, so that entries meet: each other, and the tree outside. */
const component = fc.constantFrom(
  "a",
  "b",
  "A",
  "..",
  ".",
  "victim",
  "hello",
  ".wh.a",
  ".wh.hello",
  ".wh..wh..opq",
  "é",
  "\xe9"
)
const relative = fc.array(component, { minLength: 1, maxLength: 5 }).map((names) => names.join("/"))
const path = fc.oneof(
  relative,
  relative.map((it) => `/${it}`),
  relative.map((it) => `${it}/`)
)
const target = fc.oneof(
  path,
  path,
  fc.constantFrom("..", "../..", "/", ".", "OUTSIDE/victim", "OUTSIDE/victim/hello", "../victim")
)

const entry: fc.Arbitrary<TestEntry> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(path, fc.string({ maxLength: 4, unit: "binary-ascii" }))
      .map(([p, text]) => file(p, text, { mode: 0o777 }))
  },
  { weight: 3, arbitrary: path.map((p) => dir(p, { mode: 0o700, uid: 5, mtime: { seconds: 1, nanos: 1 } })) },
  { weight: 5, arbitrary: fc.tuple(path, target).map(([p, t]) => symlink(p, t)) },
  { weight: 3, arbitrary: fc.tuple(path, target).map(([p, t]) => link(p, t)) },
  { weight: 1, arbitrary: path.map((p) => fifo(p)) },
  { weight: 1, arbitrary: path.map((p) => device(p, 1, 3)) }
)

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
      fc.array(fc.array(entry, { minLength: 1, maxLength: 14 }), { minLength: 1, maxLength: 2 }),
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
    { numRuns: 200 }
  )
})
