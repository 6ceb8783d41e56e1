/** No sequence of entries, however hostile, changes anything outside the root; and what is kept of a path never misleads. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { isReason } from "../../../../src/api/errors.ts"
import { makePathResolver } from "../../../../src/layer/apply/rules/PathResolver.ts"
import { Directory } from "../../../../src/layer/Directory.ts"
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

describe("the way to the last entry", () => {
  /** Directories alone, by their paths. */
  const resolving = (...there: ReadonlyArray<string>) => {
    const root = Directory.root("/r")
    const paths = new Set(there)
    const made: Array<string> = []
    const found: Array<string> = []
    let looks = 0
    const pathOf = (directory: Directory, name: string) => [...directory.names, name].join("/")
    const resolver = makePathResolver({
      root,
      at: (directory, name) => {
        looks += 1
        return paths.has(pathOf(directory, name)) ? "directory" : undefined
      },
      make: (directory, name) => {
        made.push(pathOf(directory, name))
        paths.add(pathOf(directory, name))
      },
      clear: () => expect.unreachable("nothing is in the way"),
      found: (directory) => void found.push(directory.names.join("/")),
      refuse: (problem) => new Error(problem)
    })
    const parentOf = (path: string) => resolver.parent(path.split("/")).names.join("/")
    const describe = (path: string) => {
      const names = path.split("/")
      const parent = resolver.parent(names)
      paths.add(path)
      resolver.descend(names, parent.child(names.at(-1) ?? ""))
    }
    return { resolver, parentOf, describe, made, found, looks: () => looks }
  }

  test("is not looked at again, nor that into a directory that came last", () => {
    const { parentOf, describe, made, looks } = resolving()
    expect(parentOf("a/b/f")).toBe("a/b")
    expect(made).toEqual(["a", "a/b"])
    const before = looks()
    expect(parentOf("a/b/g")).toBe("a/b")
    describe("a/b/c")
    expect(parentOf("a/b/c/f")).toBe("a/b/c")
    expect(looks()).toBe(before)
    expect(parentOf("a/x/f")).toBe("a/x")
    expect(looks()).toBe(before + 1)
  })

  test("is looked at anew once it is forgotten", () => {
    const { resolver, parentOf, looks } = resolving("a", "a/b")
    parentOf("a/b/f")
    resolver.forget()
    const before = looks()
    expect(parentOf("a/b/f")).toBe("a/b")
    expect(looks()).toBe(before + 2)
  })

  test("is not made longer by a directory elsewhere", () => {
    const { resolver, parentOf } = resolving()
    const other = resolver.parent(["a", "x", "f"])
    expect(parentOf("a/b/f")).toBe("a/b")
    resolver.descend(["a", "x"], other)
    resolver.descend(["y"], other)
    resolver.descend(["a", "c", "z"], other)
    for (const name of ["x", "y", "z"]) {
      expect(parentOf(`a/b/${name}/f`)).toBe(`a/b/${name}`)
      expect(parentOf("a/b/f")).toBe("a/b")
    }
  })

  test("tells of each directory that stood there already, once", () => {
    const { parentOf, found } = resolving("a", "a/b")
    for (const path of ["a/b/f", "c/f", "a/b/g", "c/g", "a/f"]) parentOf(path)
    expect(found).toEqual(["a", "a/b"])
  })

  test("serves the target of a hard link, which makes nothing", () => {
    const { resolver, parentOf, made } = resolving()
    parentOf("a/b/f")
    const find = (path: string) => resolver.find(path.split("/"))?.names.join("/")
    expect(["a/b/f", "a/f", "f"].map(find)).toEqual(["a/b", "a", ""])
    expect(["a/b/c/f", "x/f", "x/y/f"].map(find)).toEqual([undefined, undefined, undefined])
    expect(made).toEqual(["a", "a/b"])
  })

  test("serves a whiteout: what is missing is told, and not made", () => {
    const { resolver, parentOf, made, looks } = resolving()
    parentOf("a/b/f")
    const look = (path: string) => {
      const place = resolver.look(path.split("/"))
      return typeof place === "string" ? place : place.names
    }
    expect(["a/b/f", "a/f", "f", "a/b/c/f", "x/f"].map(look)).toEqual([["a", "b"], ["a"], [], "missing", "missing"])
    expect(look("a/b/f")).toEqual(["a", "b"])
    const before = looks()
    expect(parentOf("a/b/g")).toBe("a/b")
    expect([looks(), made]).toEqual([before, ["a", "a/b"]])
  })

  test("tells a whiteout that its layer hides what it is in: a name of it, or all that is there", () => {
    const { resolver } = resolving("a", "a/b", "c")
    const look = (path: string) => resolver.look(path.split("/"))
    const place = resolver.parent(["a", "b", "f"])
    place.whiteouts = new Set(["gone"])
    expect(["a/b/gone/f", "a/b/other/f"].map(look)).toEqual(["hidden", "missing"])
    resolver.parent(["c", "f"]).opaque = true
    expect(["c/other/f", "c/other/more/f", "a/other/f"].map(look)).toEqual(["hidden", "hidden", "missing"])
  })
})
