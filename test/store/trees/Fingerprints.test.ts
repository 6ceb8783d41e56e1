import { readdir, truncate } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { makeFingerprints } from "../../../src/store/trees/Fingerprints.ts"
import { it } from "../../support/effect.ts"
import { directory } from "../fixtures.ts"

const print = `tree1:${"a".repeat(64)}`

describe("fingerprints", () => {
  it.effect("are found by the tree's path, in a moved root too, and by no other of the same name", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const { find, keep } = makeFingerprints(root)
      const name = "sha256:00.line\nbreak.extracted"
      yield* keep(join(root, "layers", name), print)
      expect(yield* find(join(root, "layers", name))).toBe(print)
      expect(yield* find(join(root, "elsewhere", name))).toBeUndefined()
      expect(yield* find(join(root, "layers", "other"))).toBeUndefined()
    })
  )

  it.effect("that were cut short by a power cut, at whatever byte, are not known", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const { find, keep } = makeFingerprints(root)
      const path = join(root, "layers", "tree")
      yield* keep(path, print)
      for (let length = print.length + " layers/tree".length; length >= 0; length--) {
        yield* Effect.promise(() => truncate(join(root, "fingerprints", "tree"), length))
        expect(yield* find(path)).toBeUndefined()
      }
    })
  )

  it.effect("are forgotten with their tree, also where there is none", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const { find, forget, keep } = makeFingerprints(root)
      const path = join(root, "layers", "tree")
      yield* keep(path, print)
      for (let i = 0; i < 2; i++) yield* forget(path)
      expect(yield* find(path)).toBeUndefined()
      expect(yield* Effect.promise(() => readdir(join(root, "fingerprints")))).toEqual([])
    })
  )
})
