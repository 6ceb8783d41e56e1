/** What is said of a tree before its lower layers were read holds, whatever those hold. */
import fc from "fast-check"
import { expect, test } from "vitest"
import { findPath as find, type Sought } from "../../../../src/layer/tree/findPath.ts"
import { type SelectionOptions, selectionOf } from "../../../../src/layer/tree/Selection.ts"
import type { Leaf, MergedTree, Node } from "../../../../src/read/tree/merge/MergedTree.ts"
import { makePathOf, selected, unknownOf } from "../../../../src/read/tree/merge/selection.ts"
import { viewOf } from "../../../../src/read/tree/merge/viewOf.ts"
import { dir, file, link, symlink, type TestEntry, thrown } from "../../../support/entries.ts"
import { hostileEntry } from "../../../support/hostileEntries.ts"
import { type Layers, mergeInMemory } from "../../../support/mergedTree.ts"
import { runs } from "../../../support/runs.ts"

const findPath = (tree: MergedTree, path: string, follow: boolean): Sought<Node, Leaf> =>
  find(viewOf(tree), path, follow)

/** More may be known of a directory by and by; what is in it is asked for by its own path. */
const plain = (sought: Sought<Node, Leaf>): unknown => {
  if (sought._tag === "Directory") return ["directory", sought.names]
  return sought._tag === "Leaf" ? [sought.leaf.layer, sought.leaf.ordinal, sought.names] : sought
}

const part = (layers: Layers, from: number): MergedTree | undefined => {
  let tree: MergedTree | undefined
  // Refused for what the lower layers hold, perhaps: then nothing is said.
  thrown(() => {
    tree = mergeInMemory(layers, from)
  })
  return tree
}

const hostileLayers = fc.array(fc.array(hostileEntry, { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 4 })
const paths = ["a", "b", "a/b", "a/hello", "b/a/hello", "hello", "victim/a/b", "a/../b", "/b/hello/"]
const asked = fc.constantFrom(...paths)

/** Layers as builders write them: with their parents. */
const ordinary = (entry: TestEntry): ReadonlyArray<TestEntry> => {
  const names = entry.path.split("/").filter((name) => name !== "" && name !== "." && name !== "..")
  return [
    ...names.slice(0, -1).map((_, at) => dir(names.slice(0, at + 1).join("/"))),
    { ...entry, path: names.join("/") }
  ]
}
const ordinaryLayers = hostileLayers.map((layers) => layers.map((layer) => layer.flatMap(ordinary)))

test.each([
  ["hostile", hostileLayers],
  ["ordinary", ordinaryLayers]
])("a path that is known before all layers are read is the same afterwards: %s layers", (_, arbitrary) => {
  let known = 0
  fc.assert(
    fc.property(arbitrary, fc.nat(3), (layers, from) => {
      const whole = part(layers, 0)
      const upper = part(layers, 1 + (from % (layers.length - 1)))
      if (whole === undefined || upper === undefined) return
      for (const path of paths)
        for (const follow of [false, true]) {
          const sought = findPath(upper, path, follow)
          if (sought._tag === "Unknown") continue
          known += 1
          expect(plain(sought), `${path}, ${follow}`).toEqual(plain(findPath(whole, path, follow)))
        }
    }),
    { numRuns: runs(600) }
  )
  expect(known).toBeGreaterThan(2)
})

test.each<[string, Layers]>([
  [
    "a directory is made of what a whiteout hides",
    [
      [symlink("l", "a"), symlink("a", "a")],
      [file(".wh.a"), file("l/b")]
    ]
  ],
  ["a directory is made of a file in a layer between", [[symlink("l", "a")], [file("a", "a")], [file("l/b")]]]
])("where a link of the lowest layer leads, %s: it was not known before", (_, layers) => {
  expect(findPath(mergeInMemory(layers, 0), "a", true)._tag).toBe("Directory")
  expect(findPath(mergeInMemory(layers, 1), "a", true)._tag).toBe("Unknown")
})

test("a selection that is known before all layers are read is the same afterwards", () => {
  const listOf = (tree: MergedTree, options: SelectionOptions) =>
    [...selected(tree, selectionOf(options))]
      .map((node) => {
        const { layer, ordinal } = tree.leafOf(node)
        return `${makePathOf(tree, 0)(node)} ${layer} ${tree.isDirectory(node) ? "" : ordinal}`
      })
      .sort()
  let known = 0
  fc.assert(
    fc.property(ordinaryLayers, fc.array(asked, { minLength: 1, maxLength: 2 }), fc.nat(3), (layers, only, from) => {
      const whole = part(layers, 0)
      const upper = part(layers, 1 + (from % (layers.length - 1)))
      if (whole === undefined || upper === undefined) return
      if (unknownOf(upper, selectionOf({ only })) !== undefined) return
      known += 1
      expect(listOf(upper, { only })).toEqual(listOf(whole, { only }))
    }),
    { numRuns: runs(600) }
  )
  expect(known).toBeGreaterThan(10)
})

const etc = [dir("etc"), file("etc/os-release", "new")]

test.each<[string, Layers, string, string]>([
  ["a file whose parents its layer describes", [[], etc], "etc/os-release", "Leaf"],
  [
    "a file in a directory that only an unread layer may describe",
    [[], [file("etc/os-release")]],
    "etc/os-release",
    "Unknown"
  ],
  ["a path that a whiteout hides", [[], [dir("etc"), file("etc/.wh.os-release")]], "etc/os-release", "Missing"],
  ["a path in an opaque directory", [[], [dir("etc"), file("etc/.wh..wh..opq")]], "etc/os-release", "Missing"],
  ["a path beneath a file", [[], [file("etc")]], "etc/os-release", "NoDirectory"],
  ["a path that no layer mentions", [[], etc], "etc/passwd", "Unknown"],
  ["a link to what its layer has", [[], [...etc, symlink("os", "etc/os-release")]], "os", "Leaf"],
  ["a link into what is not read", [[], [symlink("os", "usr/lib/os-release")]], "os", "Unknown"],
  ["a hard link to what is not read", [[], [link("os", "etc/os-release")]], "os", "Unknown"],
  ["the name of something whose place is not known", [[], etc, [file("a/os-release")]], "etc/os-release", "Unknown"],
  [
    "the name of a whiteout whose place is not known",
    [[], etc, [file("a/.wh.os-release")]],
    "etc/os-release",
    "Unknown"
  ],
  [
    "a file below a layer with something whose place is not known",
    [[], etc, [file("a/b")]],
    "etc/os-release",
    "Unknown"
  ],
  ["a file above such a layer", [[], [file("a/b")], etc], "etc/os-release", "Leaf"],
  ["a file beside it", [[], [...etc, file("a/b")]], "etc/os-release", "Leaf"],
  [
    "what a whiteout hides, where a layer has something whose place is not known",
    [[], [dir("etc"), file("etc/.wh.os-release"), file("a/b")]],
    "etc/os-release",
    "Unknown"
  ],
  ["an opaque marker whose place is not known", [[], etc, [file("a/.wh..wh..opq")]], "etc/os-release", "Unknown"]
])("%s", (_, layers, path, expected) => {
  expect(findPath(mergeInMemory(layers, 1), path, true)._tag).toBe(expected)
})
