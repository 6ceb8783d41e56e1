/** What other users may do with the store's directories. Owners can be given away by root alone. */
import { constants } from "node:fs"
import { chmod, chown, lchown, lstat, mkdir, readdir, rename, rm, stat, symlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { describe, expect, test } from "vitest"
import type { PullEvent } from "../../../src/api/events.ts"
import { isPrivateGroup } from "../../../src/store/directories/privateGroup.ts"
import type { StoreOptions } from "../../../src/store/Store.ts"
import { it } from "../../support/effect.ts"
import { directory, open, pullInto } from "../fixtures.ts"

const isRoot = process.getuid?.() === 0
const stranger = 12_345

/** A directory that others may enter. */
const makeOpen = async (path: string) => {
  await mkdir(path)
  await chmod(path, 0o755)
}

/** A directory that others may enter, and may be asked for with another mode. */
const shared = Effect.gen(function* () {
  const home = yield* directory
  yield* Effect.promise(() => chmod(home, 0o755))
  return home
})

const modeOf = (path: string) => Effect.promise(async () => (await stat(path)).mode & 0o7777)

/** Pulls; gives what was warned of, or the reason. */
const used = Effect.fnUntraced(function* (options: StoreOptions) {
  const warnings: Array<string> = []
  const emit = (event: PullEvent) => void (event._tag === "Warning" && warnings.push(`${event.code}: ${event.message}`))
  const store = yield* open({ emit, ...options })
  const pulled = yield* Effect.result(
    Effect.gen(function* () {
      yield* Effect.scoped(store.locks.lease)
      return yield* pullInto(store)
    })
  )
  return Result.isFailure(pulled) ? pulled.failure : warnings
})

const refused = (problem: string | RegExp) => ({ _tag: "UnsafeStore", message: expect.stringMatching(problem) })

const withUmask = (umask: number) =>
  Effect.acquireRelease(
    Effect.sync(() => process.umask(umask)),
    (mask) => Effect.sync(() => process.umask(mask))
  )

describe("directories that the store makes", () => {
  it.effect("are nobody else's, wherever they are", () =>
    Effect.gen(function* () {
      const home = yield* shared
      yield* withUmask(0o022)
      const [root, layersDir] = [join(home, "a/store"), join(home, "b/layers")]
      expect(yield* used({ root, layersDir })).toEqual([])
      expect([yield* modeOf(root), yield* modeOf(layersDir)]).toEqual([0o700, 0o700])
      expect(yield* modeOf(join(home, "a"))).not.toBe(0o700)
    })
  )
  it.effect("can be entered by others where that is said", () =>
    Effect.gen(function* () {
      const root = join(yield* shared, "store")
      expect(yield* used({ root, access: "readable", ownership: "chown" })).toEqual([])
      expect([yield* modeOf(root), yield* modeOf(join(root, "layers"))]).toEqual([0o755, 0o755])
    })
  )
  it.effect("whatever is asked of the store first", () =>
    Effect.gen(function* () {
      const home = yield* shared
      const firsts: ReadonlyArray<
        (store: Effect.Success<ReturnType<typeof open>>) => Effect.Effect<unknown, unknown, never>
      > = [
        (store) => Effect.scoped(store.locks.lock("x")),
        (store) => Effect.scoped(store.locks.hold(["sha256:x"])),
        (store) => store.upkeep.prune(),
        (store) => Effect.scoped(store.staging.stage)
      ]
      for (const [i, first] of firsts.entries()) {
        const root = join(home, `${i}`)
        yield* first(yield* open({ root }))
        expect([i, yield* modeOf(root)]).toEqual([i, 0o700])
      }
    })
  )
})

/** What of a store others could write to: nothing in a directory that they cannot enter, and a tree is as its layer says. */
const writable = (path: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const { mode } = yield* Effect.promise(() => lstat(path))
    const own = (mode & 0o022) === 0 ? [] : [path]
    if ((mode & constants.S_IFMT) !== constants.S_IFDIR || (mode & 0o011) === 0) return own
    const names = (yield* Effect.promise(() => readdir(path))).filter((name) => !name.endsWith(".extracted"))
    return [...own, ...(yield* Effect.forEach(names, (name) => writable(join(path, name)))).flat()]
  })

describe("whatever the umask is", () => {
  const each: Readonly<Record<string, readonly [StoreOptions, (home: string) => Promise<unknown>]>> = {
    "a store that others may read": [{ access: "readable" }, async () => undefined],
    "a private one whose root was there": [{}, (home) => makeOpen(join(home, "store"))],
    "one whose layers are elsewhere": [{ access: "readable" }, async () => undefined]
  }
  for (const [name, [options, prepare]] of Object.entries(each))
    it.effect(`nobody else may write to ${name}`, () =>
      Effect.gen(function* () {
        const home = yield* shared
        yield* withUmask(0)
        yield* Effect.promise(() => prepare(home))
        const root = join(home, "store")
        const layersDir = name.includes("elsewhere") ? join(home, "layers") : undefined
        const store = yield* open({ root, layersDir, ...options })
        yield* Effect.scoped(Effect.andThen(store.locks.lease, store.locks.hold(["sha256:x"])))
        yield* pullInto(store)
        yield* store.upkeep.prune()
        expect(yield* writable(root)).toEqual([])
        if (layersDir !== undefined) expect(yield* writable(layersDir)).toEqual([])
      })
    )
  it.effect("a store that others may read can be entered by them, and what it keeps for itself cannot", () =>
    Effect.gen(function* () {
      const home = yield* shared
      yield* withUmask(0o077)
      const [root, layersDir] = [join(home, "store"), join(home, "layers")]
      expect(yield* used({ root, layersDir, access: "readable" })).toEqual([])
      for (const path of [root, layersDir]) expect(yield* modeOf(path)).toBe(0o755)
      for (const path of [join(root, "locks"), join(layersDir, ".staging")]) expect(yield* modeOf(path)).toBe(0o700)
    })
  )
  it.effect("a directory of its own that others may write to is refused where they can enter the store", () =>
    Effect.gen(function* () {
      const home = yield* shared
      for (const within of ["locks", "partial", "layers/.staging", "layers/.gone"]) {
        const root = join(home, within.replace("/", "-"))
        const path = join(root, within)
        yield* Effect.promise(async () => {
          await makeOpen(root)
          await mkdir(path, { recursive: true })
          await chmod(path, 0o777)
        })
        const problem = /may be written to by other users \(mode 0777\)/
        expect(yield* used({ root, access: "readable" })).toMatchObject(refused(problem))
        yield* Effect.promise(() => chmod(root, 0o700))
        expect(yield* used({ root })).toEqual([])
      }
    })
  )
  if (isRoot)
    it.effect("a directory of its own that is another user's, too", () =>
      Effect.gen(function* () {
        const root = join(yield* shared, "store")
        yield* Effect.promise(async () => {
          await makeOpen(root)
          await mkdir(join(root, "documents"))
          await chown(join(root, "documents"), stranger, stranger)
        })
        expect(yield* used({ root })).toMatchObject(refused(new RegExp(`belongs to another user \\(${stranger}\\)`)))
      })
    )
})

describe("a directory that is there", () => {
  it.effect("and can be entered by others is a warning, and with real owners a refusal", () =>
    Effect.gen(function* () {
      const root = join(yield* shared, "store")
      yield* Effect.promise(() => makeOpen(root))
      expect(yield* used({ root })).toEqual([
        expect.stringMatching(`StoreExposed: ${root} can be entered by other users`)
      ])
      expect(yield* used({ root, ownership: "chown" })).toMatchObject(refused(/can be entered .* setuid/))
      expect(yield* used({ root, ownership: "chown", access: "readable" })).toEqual([])
      yield* Effect.promise(() => chmod(root, 0o700))
      expect(yield* used({ root, ownership: "chown" })).toEqual([])
    })
  )
  it.effect("beneath one that others cannot enter is theirs as little", () =>
    Effect.gen(function* () {
      const root = join(yield* directory, "store")
      yield* Effect.promise(() => makeOpen(root))
      expect(yield* used({ root, ownership: "chown" })).toEqual([])
    })
  )
  it.effect("warns once, and again where it was changed meanwhile", () =>
    Effect.gen(function* () {
      const root = join(yield* shared, "store")
      const warnings: Array<PullEvent> = []
      const store = yield* open({ root, emit: (event) => warnings.push(event) })
      yield* store.catalogue.images()
      yield* pullInto(store)
      expect(warnings).toEqual([])
      yield* Effect.promise(() => chmod(root, 0o755))
      for (const _ of [1, 2]) yield* store.catalogue.images()
      expect(warnings).toMatchObject([{ code: "StoreExposed" }])
      yield* Effect.promise(() => chmod(root, 0o777))
      expect(yield* Effect.flip(store.catalogue.images())).toMatchObject(refused("may be written to"))
    })
  )
  for (const mode of [0o777, 0o1777, 0o702, 0o722])
    it.effect(`and may be written to by others is refused: ${mode.toString(8)}`, () =>
      Effect.gen(function* () {
        const home = yield* shared
        for (const options of [{ root: join(home, "store") }, { root: home, layersDir: join(home, "store") }]) {
          yield* Effect.promise(() => mkdir(join(home, "store"), { recursive: true }))
          yield* Effect.promise(() => chmod(join(home, "store"), mode))
          expect(yield* used(options)).toMatchObject(refused(/store may be written to by other users/))
          expect(yield* used({ ...options, access: "readable" })).toMatchObject(refused("may be written"))
          yield* used({ ...options, access: "writable" })
          yield* Effect.promise(() => rm(join(home, "store"), { recursive: true }))
        }
      })
    )
  it.effect("and is a link within the store is not followed", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const top = [
        "documents",
        "references",
        "locks",
        "partial",
        "proofs",
        "pulls",
        "fingerprints",
        "signatures",
        "layers/.staging"
      ]
      const nested = ["documents/sha256", "documents/sha512", "locks/held"]
      for (const name of [...top, ...nested]) {
        for (const access of ["private", "writable"] as const) {
          const root = join(home, "store")
          for (const path of [join(root, "layers"), join(root, dirname(name)), join(home, "victim")])
            yield* Effect.promise(() => mkdir(path, { recursive: true }))
          yield* Effect.promise(() => symlink(join(home, "victim"), join(root, name)))
          expect(yield* used({ root, access })).toMatchObject(refused("symbolic link"))
          yield* Effect.promise(() => rm(root, { recursive: true }))
        }
      }
    })
  )
  it.effect("and is a link in the place of a reference's records is not followed", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const victim = join(root, "victim")
      const store = yield* open({ root, access: "writable" })
      yield* pullInto(store, { version: "1" })
      const references = join(root, "references")
      const [name = ""] = yield* Effect.promise(() => readdir(references))
      yield* Effect.promise(async () => {
        await rename(join(references, name), victim)
        await symlink(victim, join(references, name))
      })
      const before = yield* Effect.promise(() => readdir(victim))
      const pulled = yield* Effect.result(pullInto(store, { version: "2" }))
      expect(Result.isFailure(pulled) && pulled.failure).toMatchObject(refused("symbolic link"))
      expect(yield* Effect.promise(() => readdir(victim))).toEqual(before)
    })
  )
})

describe.runIf(isRoot)("another user's directory", () => {
  it.effect("is refused, and nothing is made in it", () =>
    Effect.gen(function* () {
      const home = yield* shared
      const root = join(home, "store")
      yield* Effect.promise(() => mkdir(root))
      yield* Effect.promise(() => chown(root, stranger, stranger))
      const theirs = refused(`belongs to another user \\(${stranger}\\)`)
      expect(yield* used({ root })).toMatchObject(theirs)
      expect(yield* used({ root: home, layersDir: root })).toMatchObject(theirs)
      expect(yield* Effect.flip((yield* open({ root })).catalogue.images())).toMatchObject(theirs)
      expect(yield* Effect.promise(() => stat(join(root, "locks")).catch(() => "none"))).toBe("none")
      expect(yield* used({ root, access: "writable" })).toEqual([])
    })
  )
  it.effect("above the root is a warning, and so is one that others may write to", () =>
    Effect.gen(function* () {
      const home = join(yield* shared, "home")
      const root = join(home, "store")
      yield* Effect.promise(() => mkdir(home))
      yield* Effect.promise(() => chown(home, stranger, stranger))
      expect(yield* used({ root })).toEqual([expect.stringMatching(/StoreExposed: .* in the place of .*\/home$/)])
      yield* Effect.promise(() => chown(home, 0, 0))
      yield* Effect.promise(() => chmod(home, 0o777))
      expect(yield* used({ root })).toHaveLength(1)
      yield* Effect.promise(() => chmod(home, 0o1777))
      expect(yield* used({ root })).toEqual([])
    })
  )
  it.effect("is not reached by a link of its owner's, though one of ours leads where we say", () =>
    Effect.gen(function* () {
      const home = yield* shared
      yield* Effect.promise(() => mkdir(join(home, "real"), 0o700))
      yield* Effect.promise(() => symlink(join(home, "real"), join(home, "store")))
      expect(yield* used({ root: join(home, "store") })).toEqual([])
      yield* Effect.promise(() => lchown(join(home, "store"), stranger, stranger))
      expect(yield* used({ root: join(home, "store") })).toMatchObject(refused("is a link of another user"))
    })
  )
})

test("a group is private where nobody else is in it", async () => {
  expect(await isPrivateGroup(987_654, 0)).toBe(false)
  if (process.platform === "linux") expect(await isPrivateGroup(0, 0)).toBe(true)
})
