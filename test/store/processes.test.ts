import { mkdir, readdir, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { describe, expect } from "vitest"
import { openSnapshot } from "../../src/store/database/Snapshot.ts"
import { it } from "../support/effect.ts"
import { directory, open, pullInto } from "./fixtures.ts"
import { start } from "./process.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const exists = (path: string) =>
  Effect.promise(() =>
    stat(path).then(
      () => true,
      () => false
    )
  )

describe("several processes", () => {
  it.live(
    "writing at once lose no row",
    () =>
      Effect.gen(function* () {
        const [root, writers, count] = [yield* directory, 5, 5]
        const store = yield* open({ root })
        yield* pullInto(store, { reference: "example.org/first:1" })
        const children = yield* Effect.forEach(
          Array.from({ length: writers }, (_, i) => `w${i}`),
          (name) => start("recordImages.ts", root, name, `${count}`)
        )
        const codes = yield* Effect.promise(() => Promise.all(children.map(({ ended }) => ended)))
        expect(codes).toEqual(children.map(() => 0))
        const said = children.flatMap(({ lines }) => lines)
        expect(said).toHaveLength(writers * count)
        const references = (yield* store.catalogue.images()).map(({ reference }) => reference)
        expect(references).toEqual([...said, "example.org/first:1"].sort())
        const snapshot = yield* openSnapshot(store.database)
        expect(snapshot.damage).toBeUndefined()
        snapshot.close()
      }),
    120_000
  )
  it.live(
    "what was recorded outlives a kill at any moment, and so does the catalogue",
    () =>
      Effect.gen(function* () {
        const root = yield* directory
        const store = yield* open({ root })
        for (const [round, after] of [1, 4, 7].entries()) {
          const child = yield* start("recordImages.ts", root, `r${round}`, "1000")
          yield* Effect.promise(() => child.says(`example.org/r${round}:${after}`))
          child.process.kill("SIGKILL")
          yield* Effect.promise(() => child.ended)
          for (const reference of child.lines) {
            expect(Option.isSome(yield* store.catalogue.find(reference, amd64))).toBe(true)
          }
        }
        yield* pullInto(store, { reference: "example.org/after:1" })
        expect(yield* Effect.promise(() => readdir(root))).not.toContain("oci.db.tmp")
      }),
    120_000
  )
  it.live(
    "a dead one's staging is swept by the next store, a living one's never",
    () =>
      Effect.gen(function* () {
        const root = yield* directory
        const [dead, living] = [yield* start("stageLayer.ts", root), yield* start("stageLayer.ts", root)]
        yield* Effect.promise(() => Promise.all([dead.says("staged"), living.says("staged")]))
        const [deadPath = "", livingPath = ""] = [dead.lines[0], living.lines[0]]
        expect(yield* exists(deadPath)).toBe(true)
        dead.process.kill("SIGKILL")
        yield* Effect.promise(() => dead.ended)
        const store = yield* open({ root })
        yield* store.staging.stage
        while (yield* exists(join(deadPath, ".."))) yield* Effect.sleep("5 millis")
        expect(yield* exists(join(livingPath, "half"))).toBe(true)
      }),
    120_000
  )
  it.effect("a staging directory without a lock is a dead one's", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const left = join(root, "layers", ".staging", "0", "layer")
      yield* Effect.promise(() => mkdir(left, { recursive: true }).then(() => writeFile(join(left, "half"), "")))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* open({ root })
          yield* store.staging.stage
          while (yield* exists(join(left, "..", ".."))) {
            yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
            if (!(yield* exists(join(left, "..")))) break
          }
        })
      )
      expect(yield* Effect.promise(() => readdir(join(root, "layers", ".staging")))).toEqual([])
    })
  )
  it.effect("tidying takes what is dead, locks without a directory among it, and makes no name of a name", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const stagings = join(root, "layers", ".staging")
      const dead = "00000000-0000-4000-8000-000000000000"
      const odd = [".lock", "...lock", "x.lock"]
      yield* Effect.promise(async () => {
        await mkdir(join(stagings, "00000000-0000-4000-8000-000000000001", "layer"), { recursive: true })
        for (const name of [`${dead}.lock`, ...odd]) await writeFile(join(stagings, name), "")
      })
      const living = yield* open({ root })
      const mine = yield* living.staging.stage
      const other = yield* open({ root })
      yield* other.staging.sweep
      // The living one sweeps as well: what it has in hand is its own to remove.
      const left = () => readdir(stagings).then((names) => names.filter((name) => !mine.includes(name.slice(0, 36))))
      yield* Effect.promise(() => expect.poll(async () => (await left()).sort()).toEqual(odd.sort()))
      expect(yield* exists(mine)).toBe(true)
    })
  )
})
