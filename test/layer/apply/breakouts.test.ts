/**
 * Archives that were written to leave the root they are extracted into, after the tests and advisories of containerd,
 * moby, umoci, node-tar, tar-fs and Python's tarfile. Each ends in the tree it would make under a chroot, or is refused;
 * and nothing outside changes: no byte, no time, no mode, no attribute, no link count.
 */
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { defaultLimits } from "../../../src/api/config.ts"
import { makeApplier } from "../../../src/layer/apply/apply.ts"
import { layoutNames } from "../../../src/layer/layout/layouts.ts"
import { breakouts } from "../../support/breakouts.ts"
import { snapshot, trySetAttribute } from "../../support/diskTree.ts"
import { apply, dir, file, temporary, thrown } from "../../support/entries.ts"

for (const layout of layoutNames) {
  test.each(breakouts)(`${layout}: $name`, ({ entries, before, refused, failed, check }) => {
    const outside = temporary()
    const root = join(outside, "root")
    for (const directory of ["root", "victim", "victim/sub", "root-evil"]) mkdirSync(join(outside, directory))
    writeFileSync(join(outside, "victim/hello"), "world", { mode: 0o640 })
    writeFileSync(join(outside, "root-evil/secret"), "secret")
    symlinkSync("hello", join(outside, "victim/link"))
    trySetAttribute(join(outside, "victim/hello"), "user.sentinel", "1")
    before?.(root)
    const own = (path: string) => path === outside || path === root || path === `${root}.stat`
    const sentinels = () => ["victim", "root-evil"].map((name) => snapshot(join(outside, name), own))
    const listing = () => Object.keys(snapshot(outside, (path) => own(path) && path !== outside)).sort()
    const [was, wasListed] = [sentinels(), listing()]

    const error = thrown(() => apply(root, entries(outside), { layout }))

    expect(sentinels()).toEqual(was)
    expect(listing()).toEqual(wasListed)
    if (refused !== undefined) {
      expect(error).toMatchObject({ _tag: "UnsafeEntry", problem: expect.stringMatching(refused) })
    } else if (failed !== undefined) {
      expect(error).toMatchObject({ _tag: "FileSystemFailed", code: failed })
    } else {
      expect(error).toBeUndefined()
      check?.(root)
    }
  })
}

/** What a twin of the name, in another case or Unicode form, does on a file system that takes both for one. */
const becomeLink = (root: string) => {
  renameSync(join(root, "d"), join(root, "moved"))
  symlinkSync("../victim", join(root, "d"))
}

test("the times of directories are set on directories alone, whatever took their names meanwhile", () => {
  const outside = temporary()
  for (const directory of ["root", "victim", "victim/e"]) mkdirSync(join(outside, directory))
  const root = join(outside, "root")
  const was = snapshot(join(outside, "victim"))
  const applier = makeApplier({ directory: root, digest: "sha256:0", limits: defaultLimits, warn: () => {} })
  for (const it of [dir("d"), dir("d/e"), file("d/e/a")]) applier.entry(it)
  becomeLink(root)
  applier.finish()
  applier.close()
  expect(snapshot(join(outside, "victim"))).toEqual(was)
})
