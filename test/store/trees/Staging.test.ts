import { mkdir, readdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { it } from "../../support/effect.ts"
import { directory, open } from "../fixtures.ts"

const dead = "f57eac78-0b43-45be-bd27-55a33f44e1e2"

it.live("a prune removes what the dead left, also what its own process has just begun to remove", () =>
  Effect.gen(function* () {
    const root = yield* directory
    const stagings = join(root, "layers", ".staging")
    // So much that its removal takes a while.
    yield* Effect.promise(async () => {
      for (let at = 0; at < 40; at++) {
        const path = join(stagings, dead, "tree", String(at))
        await mkdir(path, { recursive: true })
        await Promise.all(Array.from({ length: 100 }, (_, file) => writeFile(join(path, String(file)), "")))
      }
    })
    yield* Effect.gen(function* () {
      const { staging, upkeep } = yield* open({ root })
      yield* upkeep.usage
      yield* staging.directory
      const isBegun = async () => (await readdir(stagings)).includes(`${dead}.lock`)
      yield* Effect.promise(() => expect.poll(isBegun, { interval: 1 }).toBe(true))
      yield* upkeep.prune()
    }).pipe(Effect.scoped)
    expect(yield* Effect.promise(() => readdir(stagings))).toEqual([])
  })
)
