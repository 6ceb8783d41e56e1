import { spawnSync } from "node:child_process"
import { chmod, chown, lstat, mkdir, readFile, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { removeTree } from "../../../src/store/trees/removeTree.ts"
import { bundled } from "../../support/bundled.ts"
import { it } from "../../support/effect.ts"
import { directory } from "../fixtures.ts"

const gone = (path: string) =>
  Effect.promise(() =>
    lstat(path).then(
      () => false,
      () => true
    )
  )

it.effect("links are removed and never followed", () =>
  Effect.gen(function* () {
    const root = yield* directory
    const [tree, outside] = [join(root, "tree"), join(root, "outside")]
    yield* Effect.promise(async () => {
      await mkdir(join(tree, "a"), { recursive: true })
      await mkdir(outside)
      await writeFile(join(outside, "precious"), "precious")
      await symlink(outside, join(tree, "a", "link"))
      await symlink("nowhere", join(tree, "dangling"))
      await symlink(tree, join(root, "top"))
    })
    yield* removeTree(join(root, "top"))
    expect(yield* gone(tree)).toBe(false)
    yield* removeTree(tree)
    expect(yield* gone(tree)).toBe(true)
    expect(yield* Effect.promise(() => readFile(join(outside, "precious"), "utf8"))).toBe("precious")
  })
)

it.effect("directories that nobody may open, and names that are no text, go too", () =>
  Effect.gen(function* () {
    const root = yield* directory
    const tree = join(root, "tree")
    yield* Effect.promise(async () => {
      await mkdir(join(tree, "shut", "inner"), { recursive: true })
      await writeFile(join(tree, "shut", "inner", "file"), "")
      if (process.platform === "linux") {
        await writeFile(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0xfe])]), "")
      }
      await chmod(join(tree, "shut", "inner"), 0)
      await chmod(join(tree, "shut"), 0)
      await chmod(tree, 0)
    })
    if (process.getuid?.() === 0) {
      // Root may do anything: let someone else try.
      const nobody = 65534
      yield* Effect.promise(async () => {
        await chmod(root, 0o777)
        for (const path of [join(tree, "shut", "inner"), join(tree, "shut"), tree]) await chown(path, nobody, nobody)
      })
      const program = yield* Effect.promise(() =>
        bundled(`
          import * as Effect from "effect/Effect"
          import { removeTree } from "./src/store/trees/removeTree.ts"
          process.setgid(${nobody}); process.setuid(${nobody})
          await Effect.runPromise(removeTree(process.argv[2]))`)
      )
      const ran = spawnSync(process.execPath, [program, tree], { encoding: "utf8" })
      expect(ran.stderr).toBe("")
    } else {
      yield* removeTree(tree)
    }
    expect(yield* gone(tree)).toBe(true)
  })
)

it.effect("what is not there is no failure", () =>
  Effect.gen(function* () {
    yield* removeTree(join(yield* directory, "none"))
  })
)
