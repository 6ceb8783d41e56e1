/** `verify --repair`: what is missing is pulled again, and nothing else changes. */
import { rm } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { NEVER } from "rxjs"
import { describe, expect, test } from "vitest"
import { ExtractionPool } from "../../../src/layer/pool/ExtractionPool.ts"
import { repair } from "../../../src/pull/verify/repair.ts"
import { image, startRegistry } from "../../../src/testing/index.ts"
import { directory, layerOf, open as openStore, pullInto } from "../../store/fixtures.ts"
import { it } from "../../support/effect.ts"
import { open } from "../../support/open.ts"

describe("repair", () => {
  test("makes trees in the client's own way, and says of no other that it is repaired", {
    timeout: 60_000
  }, async () => {
    const made = await image({ layers: [{ files: { a: "1" } }, { files: { b: "2" } }] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using plain = await open()
    await using bare = await open({ root: plain.root, ownership: "none" })
    const reference = registry.reference("app:1")
    const [, { digest, path }] = (await bare.pull(reference)).layers as [unknown, { digest: string; path: string }]
    for (const others of [false, true]) {
      if (others) await plain.pull(reference)
      await rm(path, { recursive: true })
      const names = await plain.layers()
      const seen = await plain.verify({ repair: true })
      expect(seen).toMatchObject({ faults: [{ reference, digest, variant: "none" }], repaired: [] })
      expect(await plain.layers()).toEqual(names)
      expect(await bare.verify({ repair: true })).toMatchObject({ faults: [], repaired: [{ reference, digest }] })
      expect(await plain.verify()).toEqual({ faults: [], repaired: [], unknown: [] })
    }
    expect((await plain.images()).map((it) => it.reference)).toEqual([reference])
    await rm(join(plain.root, "layers", `${digest}.extracted`), { recursive: true })
    expect((await bare.verify({ repair: true })).faults).toMatchObject([{ digest, variant: "" }])
    expect((await plain.verify({ repair: true })).repaired).toMatchObject([{ digest }])
  })

  test("forgets the name that a repair before it died with", async () => {
    await using registry = await startRegistry({
      images: { "app:1": await image({ layers: [{ files: { a: "1" } }] }) }
    })
    await using oci = await open()
    const reference = registry.reference("app:1")
    const { digest } = await oci.pull(reference)
    await oci.pull(registry.reference(`app:ociflow-repair@${digest}`))
    expect(await oci.images()).toHaveLength(2)
    expect(await oci.verify({ repair: true })).toMatchObject({ faults: [], repaired: [] })
    expect((await oci.images()).map((it) => it.reference)).toEqual([reference])
    expect(await oci.layers()).toHaveLength(1)
  })

  it.effect("that is interrupted when an image was just pulled leaves no name of its own", () =>
    Effect.gen(function* () {
      const store = yield* openStore({ root: yield* directory })
      const reference = "e.org/a:1"
      yield* pullInto(store, { reference, layers: ["a"] })
      yield* Effect.promise(() => rm(store.trees.layerPath(layerOf("a").digest), { recursive: true }))
      const asked: Array<string> = []
      const pull = (reference: string) => {
        asked.push(reference)
        return pullInto(store, { reference, layers: ["a"] }).pipe(Effect.orDie, Effect.andThen(Effect.interrupt))
      }
      const repairing = repair(pull).pipe(
        Effect.provideContext(store.context),
        Effect.provide(
          Layer.mock(ExtractionPool, {
            extract$: () => NEVER,
            place$: () => NEVER,
            copy$: () => NEVER,
            copyRanges$: () => NEVER,
            partial$: () => NEVER,
            table$: () => NEVER,
            lasting: false,
            entries: () => ({ next: () => new Promise(() => {}), close: () => {} }),
            headers$: () => NEVER,
            stored: () => ({ next: () => new Promise(() => {}), close: () => {} }),
            fingerprint$: () => NEVER
          })
        )
      )
      const exit = yield* Effect.exit(repairing)
      expect(Exit.hasInterrupts(exit)).toBe(true)
      expect(asked).toHaveLength(1)
      expect((yield* store.catalogue.images()).map((it) => it.reference)).toEqual([reference])
    })
  )
})
