/** Layers merged in memory are the tree that an extraction into `rootfs` leaves on disk. */
import { lstatSync, readdirSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { expect, test } from "vitest"
import { isReason } from "../../../../src/api/errors.ts"
import { type MergedTree, type Node, root } from "../../../../src/read/tree/merge/MergedTree.ts"
import { outline, statOf } from "../../../support/diskTree.ts"
import { apply, dir, emptyRoot, file, link, symlink, type TestEntry, thrown } from "../../../support/entries.ts"
import { hostileEntry } from "../../../support/hostileEntries.ts"
import { lowerLayer, mergeCases, whiteoutCases } from "../../../support/layerMerges.ts"
import { type Layers, mergeInMemory, outlineOf } from "../../../support/mergedTree.ts"
import { runs } from "../../../support/runs.ts"

/** Every path beneath the root, with its facts: owner and mode, the time of what is not a directory, the inode's first name. */
const onDisk = (root: string): ReadonlyArray<string> => {
  const inodes = new Map<number, string>()
  const visit = (path: string): ReadonlyArray<string> =>
    readdirSync(join(root, path))
      .sort()
      .flatMap((name) => {
        const short = path === "" ? name : `${path}/${name}`
        const stats = lstatSync(join(root, short))
        const first = inodes.get(stats.ino) ?? short
        if (!stats.isDirectory()) inodes.set(stats.ino, first)
        const stat = stats.isSymbolicLink() ? "" : String(statOf(root, short))
        const line = `${short} ${stat} ${stats.isDirectory() ? "" : `${stats.mtimeMs} ${first}`}`
        return stats.isDirectory() ? [line, ...visit(short)] : [line]
      })
  return visit("")
}

const bits: Readonly<Record<string, number>> = {
  file: 0o100000,
  directory: 0o40000,
  "character-device": 0o20000,
  fifo: 0o10000
}

const inMemory = (tree: MergedTree): ReadonlyArray<string> => {
  const inodes = new Map<number, string>()
  const visit = (node: Node, path: string): ReadonlyArray<string> =>
    Array.from(tree.names.in(node))
      .sort((a, b) => tree.names.compare(a, b))
      .flatMap((child) => {
        const text = Buffer.from(tree.names.nameOf(child), "latin1").toString()
        const short = path === "" ? text : `${path}/${text}`
        const { type, mode, uid, gid, mtime } = tree.factsOf(child)
        const first = inodes.get(tree.inodeOf(child)) ?? short
        const isDirectory = tree.isDirectory(child)
        if (!isDirectory) inodes.set(tree.inodeOf(child), first)
        const stat = type === "symlink" ? "" : `${uid}:${gid}:0${((bits[type] ?? 0) | mode).toString(8)}`
        const line = `${short} ${stat} ${isDirectory ? "" : `${mtime.seconds * 1000 + mtime.nanos / 1e6} ${first}`}`
        return [line, ...visit(child, short)]
      })
  return visit(root, "")
}

const extracted = (layers: Layers): string => {
  const root = emptyRoot()
  for (const layer of layers) apply(root, layer, { layout: "rootfs" })
  return root
}

test.each(Object.entries({ ...whiteoutCases, ...mergeCases }))("%s", (_, [upper, expected]) => {
  const layers = [lowerLayer, upper]
  expect(outlineOf(layers, mergeInMemory(layers))).toEqual(expected)
})

const then = { mtime: { seconds: 7, nanos: 0 } }

const cases: Readonly<Record<string, Layers>> = {
  "a parent that is a link of a lower layer": [
    [dir("run"), symlink("var/run", "/run")],
    [file("var/run/x", "1"), file("var/.wh.nothing")]
  ],
  "a link whose target an upper layer replaces keeps the old content": [
    [file("a", "old"), link("b", "a")],
    [file("a", "new")]
  ],
  "a link whose target an upper layer hides": [[file("d/a", "old"), link("b", "d/a")], [file(".wh.d")]],
  "a link into a lower layer, whose name is replaced later in its own layer": [
    [file("a", "old")],
    [link("b", "a"), file("a", "new")]
  ],
  "a link to a link, and one to a symbolic link": [
    [symlink("s", "nowhere"), link("t", "s"), file("a", "1"), link("b", "a"), link("c", "b")]
  ],
  "a link that is told before its target": [[link("b", "a"), link("c", "b"), file("a", "1")]],
  "a later entry of a path in its layer": [
    [file("a", "1"), file("a", "2"), dir("d"), file("d/x", "3"), file("d", "4")]
  ],
  "a directory that only lower layers describe": [[dir("d", { uid: 9, mode: 0o700, ...then })], [file("d/x", "1")]],
  "a directory that an upper layer describes": [[file("d/x", "1")], [dir("d", { uid: 3, mode: 0o750, ...then })]],
  "a whiteout of a directory that its layer makes again": [
    [file("d/old", "1"), dir("d/s"), file("d/s/old", "1")],
    [file(".wh.d"), dir("d", { mode: 0o700 }), file("d/new", "2")],
    [file("d/s/newer", "3")]
  ],
  "a file over a directory, and beneath it a directory again": [
    [file("d/s/x", "1")],
    [file("d/s", "2")],
    [file("d/s/y", "3")]
  ]
}

test.each(Object.entries(cases))("%s: as on disk", (_, layers) => {
  const tree = mergeInMemory(layers)
  const root = extracted(layers)
  expect(outlineOf(layers, tree)).toEqual(outline(root))
  expect(inMemory(tree)).toEqual(onDisk(root))
})

/** As valid UTF-8, which both trees can be read as. */
const readable = (entry: TestEntry): TestEntry => ({
  ...entry,
  path: entry.path.replaceAll("\xe9", "\xc3\xa9"),
  linkPath: entry.linkPath.replaceAll("\xe9", "\xc3\xa9")
})

test("whatever layers hold, they make the same tree in memory as on disk, or are refused with the same words", () => {
  const layers = fc.array(fc.array(hostileEntry.map(readable), { minLength: 1, maxLength: 14 }), {
    minLength: 1,
    maxLength: 4
  })
  let whole = 0
  fc.assert(
    fc.property(layers, (layers) => {
      const root = emptyRoot()
      const refused = thrown(() => {
        for (const layer of layers) apply(root, layer, { layout: "rootfs" })
      })
      let tree: MergedTree | undefined
      const error = thrown(() => {
        tree = mergeInMemory(layers)
      })
      if (error !== undefined && !isReason(error)) throw error
      expect((error as Error | undefined)?.message).toBe((refused as Error | undefined)?.message)
      if (tree === undefined) return
      whole += 1
      expect(outlineOf(layers, tree)).toEqual(outline(root))
      expect(inMemory(tree)).toEqual(onDisk(root))
    }),
    { numRuns: runs(200) }
  )
  expect(whole).toBeGreaterThan(10)
})
