/** The sequences of a `Puller` as streams: what they tell, what they ask for, and how they end. */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { describe, expect } from "vitest"
import { PullError } from "../src/api/errors.ts"
import type { LayerProgress, PullEvent, PulledImage } from "../src/api/events.ts"
import { Puller } from "../src/Puller.ts"
import * as streams from "../src/streams.ts"
import { fault, image, startRegistry } from "../src/testing/index.ts"
import { it } from "./support/effect.ts"
import { temporaryRoot } from "./support/open.ts"

const names = ["a", "b", "c", "d", "e"]

const served = Effect.gen(function* () {
  const { root } = yield* Effect.acquireDisposable(Effect.promise(temporaryRoot))
  const app = yield* Effect.promise(() => image({ layers: [{ files: { motd: "hello\n" } }] }))
  const images = Object.fromEntries(names.map((tag) => [`app:${tag}`, app]))
  const registry = yield* Effect.acquireDisposable(Effect.promise(() => startRegistry({ images, pageSize: 2 })))
  const layer = app.manifests[0]?.layers[0]?.digest ?? ""
  const puller = Puller.layer({ root, credentials: {}, retry: { base: 1 } })
  return { root, registry, layer, puller, reference: registry.reference("app:a") }
})

describe("a pull's events as a stream", () => {
  it.live(
    "are those that a listener hears, and the last one is Pulled",
    () =>
      Effect.gen(function* () {
        const { puller, reference } = yield* served
        const heard: Array<PullEvent> = []
        const pulling = streams.pull(reference, { onEvent: (event) => heard.push(event) })
        const told = yield* Stream.runCollect(pulling).pipe(Effect.provide(puller))
        expect(told.at(-1)).toMatchObject({ _tag: "Pulled", cached: false })
        expect([...told]).toEqual(heard)
      }),
    60_000
  )

  it.live(
    "end the pull when their consumer has enough",
    () =>
      Effect.gen(function* () {
        const { puller, reference, registry, layer, root } = yield* served
        registry.fault({ kind: "blob", reference: layer }, fault.stall(1))
        const started = streams.pull(reference).pipe(
          Stream.filter(({ _tag }) => _tag === "LayerStarted"),
          Stream.take(1)
        )
        yield* Effect.gen(function* () {
          expect((yield* Stream.runCollect(started)).length).toBe(1)
          yield* Effect.promise(() => registry.log.settled())
          const { images } = yield* Puller
          expect(yield* images()).toEqual([])
        }).pipe(Effect.provide(puller))
        expect(yield* Effect.promise(() => readdir(join(root, "layers")))).toEqual([".staging"])
      }),
    60_000
  )

  it.live(
    "fail as the pull does, and are interrupted by its signal",
    () =>
      Effect.gen(function* () {
        const { puller, reference, registry, layer } = yield* served
        const running = (reference: string, options?: { readonly signal: AbortSignal }) =>
          Stream.runDrain(streams.pull(reference, options)).pipe(Effect.provide(puller))
        const failure = yield* Effect.flip(running(`${reference}-missing`))
        expect(failure).toBeInstanceOf(PullError)
        expect(failure.reason._tag).toBe("ManifestNotFound")

        registry.fault({ kind: "blob", reference: layer }, fault.stall(1))
        const stop = new AbortController()
        const aborted = registry.log.until((log) => log.count({ kind: "blob", reference: layer }) > 0)
        void aborted.then(() => stop.abort())
        const exit = yield* Effect.exit(running(reference, { signal: stop.signal }))
        expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
      }),
    60_000
  )

  const progress = (digest: string, received: number): LayerProgress => ({
    _tag: "LayerProgress",
    digest,
    size: 2000,
    received,
    consumed: 0,
    inflated: 0,
    entries: 0
  })

  it.live(
    "leave out progress that the next overtook before it was taken, and nothing else",
    () =>
      Effect.gen(function* () {
        const pulled: PulledImage = {
          reference: "docker.io/library/app:1",
          digest: "sha256:aa",
          manifestDigest: "sha256:aa",
          configDigest: "sha256:cc",
          platform: "linux/amd64",
          size: 0,
          config: {
            env: {},
            entrypoint: [],
            cmd: [],
            exposedPorts: [],
            volumes: [],
            labels: {},
            history: [],
            diffIds: []
          },
          layers: []
        }
        const last: PullEvent = { _tag: "Pulled", image: pulled, cached: false }
        const busy = Puller.layerTest({
          pull: (_reference, _options, emit) =>
            Effect.sync(() => {
              for (let n = 1; n <= 1000; n++) for (const digest of ["a", "b"]) emit?.(progress(digest, n))
              emit?.({ _tag: "Resolving", reference: "c" })
              emit?.(progress("a", 1001))
              emit?.(last)
              return { ...pulled, cached: false }
            })
        })
        const told = yield* Stream.runCollect(streams.pull("app:1")).pipe(Effect.provide(busy))
        expect([...told]).toEqual([
          progress("a", 1001),
          progress("b", 1000),
          { _tag: "Resolving", reference: "c" },
          last
        ])
      }),
    60_000
  )
})

describe("lists as streams", () => {
  const pages = (sum: number) => Math.ceil(sum / 2)

  it.live(
    "ask for a page of tags when those before it were consumed",
    () =>
      Effect.gen(function* () {
        const { puller, reference, registry } = yield* served
        const seen: Array<readonly [tag: string, pages: number]> = []
        yield* Stream.runForEach(streams.tags(reference), (tag) =>
          Effect.gen(function* () {
            // A page that were asked for too early would be asked for by now.
            yield* Effect.promise(() => fetch(registry.origin))
            seen.push([tag, registry.log.count({ kind: "tags" })])
          })
        ).pipe(Effect.provide(puller))
        expect(seen).toEqual(names.map((tag, at) => [tag, pages(at + 1)]))
      }),
    60_000
  )

  it.live(
    "ask for no page behind the last that was wanted",
    () =>
      Effect.gen(function* () {
        const { puller, reference, registry } = yield* served
        const two = streams.tags(reference).pipe(Stream.take(3), Stream.runCollect, Effect.provide(puller))
        expect([...(yield* two)]).toEqual(["a", "b", "c"])
        expect(registry.log.count({ kind: "tags" })).toBe(2)
      }),
    60_000
  )

  it.live(
    "are those of the Promise and the Observable",
    () =>
      Effect.gen(function* () {
        const { puller, reference } = yield* served
        yield* Effect.gen(function* () {
          const { tags, referrers } = yield* Puller
          expect([...(yield* Stream.runCollect(streams.tags(reference)))]).toEqual(yield* tags(reference))
          expect([...(yield* Stream.runCollect(streams.referrers(reference)))]).toEqual(yield* referrers(reference))
        }).pipe(Effect.provide(puller))
      }),
    60_000
  )

  it.live(
    "fail with a PullError, for an option that there is not, too",
    () =>
      Effect.gen(function* () {
        const { puller, reference } = yield* served
        const failing = <A>(stream: Stream.Stream<A, PullError, Puller>) =>
          Stream.runDrain(stream).pipe(Effect.provide(puller), Effect.flip)
        expect((yield* failing(streams.tags(reference.replace("app", "other")))).reason._tag).toBe("ManifestNotFound")
        expect((yield* failing(streams.referrers(`${reference}-missing`))).reason._tag).toBe("ManifestNotFound")
        const wrong = { platfrom: "linux/amd64" } as object
        expect((yield* failing(streams.tags(reference, wrong))).reason._tag).toBe("InvalidOption")
      }),
    60_000
  )
})

describe("an image's tree as a stream", () => {
  it.live(
    "is what the puller reads, a body in the step that gets its entry; with `only`, a part of it",
    () =>
      Effect.gen(function* () {
        const { puller, reference } = yield* served
        const read = (options?: { readonly only: string }) =>
          streams.tree(reference, options).pipe(
            Stream.mapEffect((entry) => Effect.promise(async () => [entry.path, await entry.text()])),
            Stream.runCollect,
            Effect.provide(puller)
          )
        expect([...(yield* read())]).toEqual([["motd", "hello\n"]])
        expect([...(yield* read({ only: "etc" }))]).toEqual([])
      }),
    60_000
  )

  it.live(
    "fails as the puller does, and is interrupted by its signal",
    () =>
      Effect.gen(function* () {
        const { puller, reference, registry, layer } = yield* served
        const failure = yield* Effect.flip(
          Stream.runDrain(streams.tree(`${reference}-missing`)).pipe(Effect.provide(puller))
        )
        expect(failure.reason._tag).toBe("ManifestNotFound")
        registry.fault({ kind: "blob", reference: layer }, fault.stall(1))
        const stop = new AbortController()
        void registry.log.until((log) => log.count({ kind: "blob", reference: layer }) > 0).then(() => stop.abort())
        const { signal } = stop
        const exit = yield* Effect.exit(
          Stream.runDrain(streams.tree(reference, { signal })).pipe(Effect.provide(puller))
        )
        expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
      }),
    60_000
  )
})
