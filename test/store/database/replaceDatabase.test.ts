import { link, open as openFile, readdir, readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import type { PullEvent } from "../../../src/api/events.ts"
import { identify } from "../../../src/store/database/DatabaseFile.ts"
import { tryDatabaseLock } from "../../../src/store/database/databaseLock.ts"
import { replaceDatabase } from "../../../src/store/database/replaceDatabase.ts"
import { it } from "../../support/effect.ts"
import { directory, open, pullInto } from "../fixtures.ts"

const inode = (path: string) => Effect.promise(() => stat(path).then(({ ino }) => ino))

/** Some megabytes with one byte that says which. */
const content = (which: number, size = 3_000_000) => {
  const bytes = new Uint8Array(size).fill(7)
  bytes[1_500_000] = which
  return bytes
}

/** The catalogue after two commits: one file is so, the other was so before. */
const turned = Effect.gen(function* () {
  const path = join(yield* directory, "oci.db")
  yield* replaceDatabase(path, content(1))
  yield* replaceDatabase(path, content(2))
  return path
})

const isPatched = process.platform === "linux"

describe.runIf(isPatched)("two files take turns", () => {
  it.effect("what is written is the file before last, and has every byte", () =>
    Effect.gen(function* () {
      const path = yield* turned
      const [current, spare] = [yield* inode(path), yield* inode(`${path}.spare`)]
      for (const [which, size] of [
        [3, 3_000_000],
        [4, 3_100_001],
        [5, 2_000_000]
      ] as const) {
        yield* replaceDatabase(path, content(which, size))
        expect(yield* inode(path)).toBe(which % 2 === 1 ? spare : current)
        expect((yield* Effect.promise(() => readFile(path))).equals(content(which, size))).toBe(true)
      }
    })
  )
  it.effect("a file that somebody still reads is not written to", () =>
    Effect.gen(function* () {
      const path = yield* turned
      const file = yield* Effect.promise(() => openFile(`${path}.spare`))
      expect(yield* Effect.promise(() => tryDatabaseLock(file, "read"))).toBe(true)
      yield* replaceDatabase(path, content(3))
      expect(yield* inode(path)).not.toBe((yield* Effect.promise(() => file.stat())).ino)
      expect((yield* Effect.promise(() => file.readFile()))[1_500_000]).toBe(1)
      expect((yield* Effect.promise(() => readFile(path)))[1_500_000]).toBe(3)
      yield* Effect.promise(() => file.close())
    })
  )
  it.effect("nor one that has another name: a crash between link and rename left two for what is so", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "oci.db")
      yield* replaceDatabase(path, content(1))
      yield* Effect.promise(() => link(path, `${path}.spare`))
      yield* Effect.promise(() => link(path, `${path}.kept`))
      yield* replaceDatabase(path, content(2))
      expect((yield* Effect.promise(() => readFile(`${path}.kept`)))[1_500_000]).toBe(1)
      expect((yield* Effect.promise(() => readFile(path)))[1_500_000]).toBe(2)
    })
  )
  for (const [what, left] of [
    ["half-written", () => content(9, 1_234_567)],
    ["empty", () => new Uint8Array()],
    ["longer", () => content(9, 4_000_000)]
  ] as const) {
    it.effect(`what a crash left ${what} becomes what it should be`, () =>
      Effect.gen(function* () {
        const path = yield* turned
        for (const name of [".spare", ".tmp"]) {
          yield* Effect.promise(() => writeFile(path + name, left()))
          yield* replaceDatabase(path, content(3))
          expect((yield* Effect.promise(() => readFile(path))).equals(content(3))).toBe(true)
        }
        const names = yield* Effect.promise(() => readdir(join(path, "..")))
        expect(names.sort()).toEqual(["oci.db", "oci.db.spare"])
      })
    )
  }
})

describe("a file that is believed sound", () => {
  it.effect("and is not is found out by the first question that meets the damage, and built anew", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const first = yield* open({ root })
      for (let i = 0; i < 8; i++) yield* pullInto(first, { reference: `example.org/a:${i}`, version: `${i}` })
      const path = first.database
      const bytes = yield* Effect.promise(() => readFile(path))
      // All but the schema.
      yield* Effect.promise(() => writeFile(path, bytes.fill(0xff, 4096 * 3)))
      const identity = yield* identify(path)
      yield* Effect.promise(() => writeFile(`${path}.sound`, `${identity} 3`))
      const warnings: Array<PullEvent> = []
      const next = yield* open({ root, emit: (event) => warnings.push(event) })
      expect(yield* next.catalogue.images()).toHaveLength(8)
      expect(warnings).toMatchObject([{ code: "CatalogueDamaged" }])
    })
  )
  it.effect("is looked through when anybody else has changed it", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const first = yield* open({ root })
      yield* pullInto(first, { reference: "example.org/a:1" })
      const note = () => Effect.promise(() => readFile(`${first.database}.sound`, "utf8"))
      const before = yield* note()
      expect(before).toBe(`${yield* identify(first.database)} 3`)
      const bytes = yield* Effect.promise(() => readFile(first.database))
      yield* Effect.promise(() => writeFile(first.database, bytes))
      const second = yield* open({ root })
      expect(yield* second.catalogue.images()).toHaveLength(1)
      const after = yield* note()
      expect(after).not.toBe(before)
      expect(after).toBe(`${yield* identify(first.database)} 3`)
    })
  )
})
