/** The cases in which a pull uses what the store holds: the table in the sources, row by row. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { describe, expect, test } from "vitest"
import type { PullPolicy } from "../../src/api/config.ts"
import type { PulledImage } from "../../src/api/events.ts"
import type { Digest } from "../../src/image/reference/Digest.ts"
import { type CacheDecision, decideCache, findCached, findUnrecorded } from "../../src/pull/decideCache.ts"
import { readRequest } from "../../src/pull/PullRequest.ts"
import type { ImageSource } from "../../src/source/ImageSource.ts"
import { Blobs } from "../../src/store/blobs/Blobs.ts"
import { Catalogue } from "../../src/store/catalogue/Catalogue.ts"
import { Trees } from "../../src/store/trees/Trees.ts"
import { it } from "../support/effect.ts"

const text = await readFile(join(import.meta.dirname, "../../src/pull/decideCache.ts"), "utf8")

/** `any` stands for both. */
const table = [...text.matchAll(/^ \* \| `(\w+)` +\| (\w+) +\| (\w+) +\| `(\w+)` +\|$/gm)].flatMap(
  ([, policy, source, image, decision]) =>
    (source === "any" ? (["registry", "file"] as const) : [source as "registry" | "file"]).map((source) => ({
      policy: policy as PullPolicy,
      source,
      isComplete: image === "complete",
      decision: decision as CacheDecision
    }))
)

test("the table has one row for each case", () => {
  const cases = table.map(({ policy, source, isComplete }) => `${policy} ${source} ${isComplete}`)
  expect(new Set(cases).size).toBe(cases.length)
  expect(cases).toHaveLength(3 * 2 * 2)
})

describe.each(table)("$policy, $source, complete: $isComplete", ({ policy, source, isComplete, decision }) => {
  test(`decides ${decision}`, () => {
    expect(decideCache({ policy, source, isComplete })).toBe(decision)
  })

  const stored = { reference: "e.org/a:1", digest: "sha256:stored", layers: [] } as unknown as PulledImage
  /** The store, and a source whose name stands for `current` now. */
  const scene = (current: string, how: { readonly isRecorded?: boolean; readonly layout?: boolean } = {}) => {
    const { isRecorded = true, layout } = how
    const calls: Array<string> = []
    const called = <A>(name: string, value: A) =>
      Effect.sync(() => {
        calls.push(name)
        return value
      })
    const services = Layer.mergeAll(
      Layer.mock(Trees, { merged: true } as never),
      Layer.mock(Catalogue, {
        path: "",
        prepare: Effect.void,
        open: Effect.die("not opened"),
        hasRecord: () => Effect.succeed(isRecorded),
        find: () => called("find", isComplete || layout === false ? Option.some(stored) : Option.none())
      }),
      Layer.mock(Blobs, {
        layout: layout === undefined ? undefined : ({ holds: () => Effect.succeed(layout) } as never)
      })
    )
    const from = {
      name: stored.reference,
      isRemote: source === "registry",
      digest: () => called("digest", current as Digest)
    } as unknown as ImageSource
    const request = readRequest(stored.reference, { policy })
    const run = <A, E>(step: Effect.Effect<A, E, Blobs | Catalogue | Trees>) => Effect.provide(step, services)
    return {
      calls,
      find: Effect.flatMap(request, (it) => run(findCached(it, policy === "never" ? undefined : from))),
      findUnrecorded: Effect.flatMap(request, (it) => run(findUnrecorded(it, from)))
    }
  }

  it.effect("uses the image where it is complete and current, and asks the source only to compare", () =>
    Effect.gen(function* () {
      const same = scene(stored.digest)
      const moved = scene("sha256:moved")
      expect(Option.isSome(yield* same.find)).toBe(isComplete)
      expect(Option.isSome(yield* moved.find)).toBe(decision === "Use")
      expect(moved.calls).toEqual(decision === "Compare" ? ["find", "digest"] : ["find"])
    })
  )

  it.effect("looks nothing up that has no record, where it can be pulled", () =>
    Effect.gen(function* () {
      const { calls, find } = scene(stored.digest, { isRecorded: false })
      expect(Option.isSome(yield* find)).toBe(policy === "never" && isComplete)
      expect(calls).toEqual(policy === "never" ? ["find"] : [])
    })
  )

  it.effect("counts an image as incomplete whose blobs are to be kept and are not", () =>
    Effect.gen(function* () {
      const { calls, find } = scene(stored.digest, { layout: false })
      expect(Option.isNone(yield* find)).toBe(true)
      expect(calls).toEqual(["find"])
    })
  )

  it.effect("after the source failed, serves only what it would have used without asking", () =>
    Effect.gen(function* () {
      const { calls, findUnrecorded } = scene(stored.digest, { isRecorded: false })
      expect(Option.isSome(yield* findUnrecorded)).toBe(decision === "Use")
      expect(calls).toEqual(["find"])
    })
  )
})
