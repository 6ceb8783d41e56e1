/**
 * What another user, who may write to the store (`access: "writable"`), plants under the names that it will use: what a link
 * leads to stays as it is. Each case is the victim's own file or directory, and where the link to it is put.
 */
import { execFileSync } from "node:child_process"
import { chown, link, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { lastValueFrom, of, toArray } from "rxjs"
import { describe, expect } from "vitest"
import { list, listAt } from "../../../src/fs/directories.ts"
import { openNew, writeAtomic } from "../../../src/fs/writeAtomic.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import { openPartial } from "../../../src/store/blobs/PartialBlob.ts"
import { makeProofs } from "../../../src/store/blobs/Proofs.ts"
import { prunePartials } from "../../../src/store/blobs/prunePartials.ts"
import { replaceDatabase } from "../../../src/store/database/replaceDatabase.ts"
import { lock } from "../../../src/store/locks/Lock.ts"
import { sweep } from "../../../src/store/trees/Staging.ts"
import { it } from "../../support/effect.ts"
import { digestOf, directory, imageOf, open, pullInto } from "../fixtures.ts"

const text = "the victim's\n"

/** A victim's file, a victim's directory with one file, and a place that others may write to. */
const scene = Effect.gen(function* () {
  const home = yield* directory
  const [file, tree, place] = [join(home, "file"), join(home, "tree"), join(home, "place")]
  yield* Effect.promise(async () => {
    await writeFile(file, text)
    for (const path of [tree, place]) await mkdir(path)
    await writeFile(join(tree, "file"), text)
  })
  const unharmed = Effect.promise(async () => {
    expect(await readFile(file, "utf8")).toBe(text)
    expect(await readdir(tree)).toEqual(["file"])
    expect(await readFile(join(tree, "file"), "utf8")).toBe(text)
  })
  return { home, file, tree, place, unharmed }
})

const read = (path: string) => Effect.promise(() => readFile(path, "utf8").catch(() => "none"))

/** Keeps these bytes in a partial blob, as a download does. */
const keep = (path: string, bytes: string) =>
  Effect.gen(function* () {
    const partial = yield* openPartial(path, 1000)
    const arriving = partial.bytes$(new Gate(), () => of(Buffer.from(bytes)))
    const all = yield* Effect.promise(() => lastValueFrom(arriving.pipe(toArray())))
    return Buffer.concat(all).toString()
  }).pipe(Effect.scoped)

describe("a partial blob", () => {
  const planted: ReadonlyArray<readonly [string, (file: string, path: string) => Promise<unknown>]> = [
    ["a link", (file, path) => symlink(file, path)],
    ["a link to nothing", (file, path) => symlink(`${file}.new`, path)],
    ["another name of a file", (file, path) => link(file, path)],
    ["a FIFO", async (_, path) => execFileSync("mkfifo", [path])]
  ]
  for (const [name, plant] of planted)
    it.effect(`is never ${name}`, () =>
      Effect.gen(function* () {
        const { home, file, place, unharmed } = yield* scene
        const path = join(place, "sha256:x")
        yield* Effect.promise(() => plant(file, path))
        expect(yield* keep(path, "arrived")).toBe("arrived")
        expect(yield* read(path)).toBe("arrived")
        yield* unharmed
        expect(yield* Effect.promise(() => readdir(home))).not.toContain("file.new")
      })
    )
  it.effect("of our own goes on", () =>
    Effect.gen(function* () {
      const { place } = yield* scene
      expect(yield* keep(join(place, "x"), "one ")).toBe("one ")
      expect(yield* keep(join(place, "x"), "two")).toBe("one two")
    })
  )
  if (process.getuid?.() === 0)
    it.effect("is none of another user's", () =>
      Effect.gen(function* () {
        const { place } = yield* scene
        const path = join(place, "x")
        yield* Effect.promise(() => writeFile(path, "theirs").then(() => chown(path, 12_345, 12_345)))
        expect(yield* keep(path, "ours")).toBe("ours")
      })
    )
  it.effect("is removed where it is, and in no directory that a link leads to", () =>
    Effect.gen(function* () {
      const { tree, place, unharmed } = yield* scene
      yield* Effect.promise(() => symlink(tree, join(place, "partial")))
      const places = {
        root: place,
        partialPath: (digest: string) => join(place, "partial", digest),
        lockPath: (name: string) => join(place, "locks", name)
      }
      expect(yield* prunePartials(places, {})).toEqual([])
      yield* unharmed
    })
  )
})

describe("a file that is written beside and renamed", () => {
  it.effect("is a new one, whatever has its name", () =>
    Effect.gen(function* () {
      const { file, place, unharmed } = yield* scene
      for (const lasting of [true, false]) {
        const path = join(place, "x")
        yield* Effect.promise(() => symlink(file, `${path}.tmp`))
        yield* writeAtomic(path, Buffer.from("ours"), `${path}.tmp`, { lasting })
        expect(yield* read(path)).toBe("ours")
        expect(yield* Effect.promise(() => readdir(place))).toEqual(["x"])
        yield* unharmed
      }
      yield* Effect.promise(() => mkdir(join(place, "d")))
      const refused = yield* Effect.promise(() => openNew(join(place, "d")).then(String, (error) => error.code))
      expect(["EISDIR", "EPERM"]).toContain(refused)
    })
  )
  it.effect("is so for a proof, and a link is none", () =>
    Effect.gen(function* () {
      const { file, place, unharmed } = yield* scene
      const proofs = makeProofs((digest) => join(place, digest))
      const [blob, diffId] = [digestOf("blob"), digestOf("diff")]
      yield* Effect.promise(() => symlink(file, join(place, `${blob}.tmp`)))
      yield* proofs.keep(blob, diffId)
      expect(yield* proofs.find(blob)).toBe(diffId)
      yield* unharmed
      yield* Effect.promise(() => rename(join(place, blob), join(place, "elsewhere")))
      yield* Effect.promise(() => symlink(join(place, "elsewhere"), join(place, blob)))
      expect(yield* proofs.find(blob)).toBeUndefined()
      yield* Effect.promise(() => rm(join(place, blob)))
      yield* Effect.promise(async () => execFileSync("mkfifo", [join(place, blob)]))
      expect(yield* proofs.find(blob)).toBeUndefined()
    })
  )
})

describe("the catalogue's files", () => {
  for (const name of ["oci.db.spare", "oci.db.tmp", "oci.db"])
    it.effect(`are written to in no other place: ${name}`, () =>
      Effect.gen(function* () {
        const { file, place, unharmed } = yield* scene
        yield* Effect.promise(() => symlink(file, join(place, name)))
        yield* replaceDatabase(join(place, "oci.db"), Buffer.from("ours"))
        yield* replaceDatabase(join(place, "oci.db"), Buffer.from("ours again"))
        expect(yield* read(join(place, "oci.db"))).toBe("ours again")
        yield* unharmed
      })
    )
})

describe("a lock", () => {
  it.effect("makes no file where a link leads", () =>
    Effect.gen(function* () {
      const { home, place } = yield* scene
      for (const shared of [true, false]) {
        yield* Effect.promise(() => symlink(join(home, "made"), join(place, "use")))
        yield* Effect.scoped(lock(join(place, "use"), { shared }))
        expect(yield* Effect.promise(() => readdir(home))).not.toContain("made")
        yield* Effect.promise(() => rm(join(place, "use"), { force: true }))
      }
    })
  )
})

describe("what is swept", () => {
  it.effect("is in no directory that a link leads to", () =>
    Effect.gen(function* () {
      const { tree, place, unharmed } = yield* scene
      yield* Effect.promise(() => symlink(tree, join(place, ".staging")))
      yield* sweep(join(place, ".staging"))
      yield* unharmed
      expect(yield* list(join(place, ".staging"))).toEqual([])
      expect(yield* listAt(join(place, ".staging"))).toEqual(["file"])
    })
  )
  for (const name of ["documents", "references", "documents/sha256"])
    it.effect(`nor what nobody names: ${name}`, () =>
      Effect.gen(function* () {
        const { tree, place, unharmed } = yield* scene
        const store = yield* open({ root: place })
        yield* pullInto(store, { reference: "example.org/a:1" })
        // While the store is open: its own look at the directories was before.
        yield* Effect.promise(async () => {
          await rm(join(place, name), { recursive: true })
          await symlink(tree, join(place, name))
        })
        yield* store.upkeep.prune()
        yield* unharmed
        yield* Effect.ignore(store.catalogue.record(imageOf({ reference: "example.org/b:1", version: "2" })))
        yield* store.upkeep.remove("example.org/a:1").pipe(Effect.ignore)
        expect(yield* Effect.promise(() => readFile(join(tree, "file"), "utf8"))).toBe(text)
      })
    )
})
