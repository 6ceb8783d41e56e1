/** The service in an Effect application: its configuration, and what stands in its place under test. */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { lastValueFrom, toArray } from "rxjs"
import { describe, expect } from "vitest"
import { PullError, RegistryError } from "../src/api/errors.ts"
import type { PulledImage } from "../src/api/events.ts"
import { Puller, pull } from "../src/Puller.ts"
import { image, startRegistry } from "../src/testing/index.ts"
import { it } from "./support/effect.ts"
import { temporaryRoot } from "./support/open.ts"

const served = Effect.gen(function* () {
  const { root } = yield* Effect.acquireDisposable(Effect.promise(temporaryRoot))
  const registry = yield* Effect.acquireDisposable(
    Effect.promise(async () => startRegistry({ images: { "app:1": await image() } }))
  )
  return { root, registry, reference: registry.reference("app:1") }
})

const configured = (values: Readonly<Record<string, unknown>>) =>
  ConfigProvider.layer(ConfigProvider.fromUnknown(values))

describe("a puller", () => {
  it.live(
    "takes its options from the configuration, each by a Config",
    () =>
      Effect.gen(function* () {
        const { root, reference } = yield* served
        const puller = Puller.layerConfig({
          root: Config.String("IMAGE_STORE"),
          concurrency: Config.Int("PULLS").pipe(Config.withDefault(2)),
          limits: { entries: Config.Int("ENTRIES") }
        })
        const provider = configured({ IMAGE_STORE: join(root, "there"), ENTRIES: "1000" })
        yield* pull(reference).pipe(Effect.provide(puller), Effect.provide(provider))
        expect(yield* Effect.promise(() => readdir(root))).toEqual(["there"])
      }),
    60_000
  )

  it.live("fails with a ConfigError where a value is missing, and with a PullError where it is out of range", () =>
    Effect.gen(function* () {
      const { reference } = yield* served
      const failing = (values: Readonly<Record<string, unknown>>) =>
        pull(reference).pipe(
          Effect.provide(Puller.layerConfig({ concurrency: Config.Int("PULLS") })),
          Effect.provide(configured(values)),
          Effect.flip
        )
      expect(yield* failing({})).toMatchObject({ _tag: "ConfigError" })
      expect(yield* failing({ PULLS: "0" })).toMatchObject({ reason: { _tag: "InvalidOption", option: "concurrency" } })
    })
  )

  it.live("reads the variables of the environment through the ConfigProvider, OCIFLOW_HOME among them", () =>
    Effect.gen(function* () {
      const { root, reference, registry } = yield* served
      const home = join(root, "home")
      const name = reference.slice(registry.host.length + 1)
      const provider = configured({ OCIFLOW_HOME: home, OCI_REGISTRY_DOMAIN: registry.host })
      const pulled = yield* pull(name).pipe(Effect.provide(Puller.layer({ credentials: {} })), Effect.provide(provider))
      expect(pulled.reference).toBe(reference)
      expect(yield* Effect.promise(() => readdir(home))).toContain("oci.db")
    })
  )
})

const made: PulledImage = {
  reference: "docker.io/library/app:1",
  digest: "sha256:aa",
  manifestDigest: "sha256:aa",
  configDigest: "sha256:cc",
  platform: "linux/amd64",
  size: 0,
  config: { env: {}, entrypoint: [], cmd: [], exposedPorts: [], volumes: [], labels: {}, history: [], diffIds: [] },
  layers: []
}

describe("a puller for tests", () => {
  it.effect("pulls as its method says, under the clock of the test", () =>
    Effect.gen(function* () {
      let calls = 0
      const flaky = Puller.layerTest({
        pull: (reference) =>
          Effect.suspend(() =>
            ++calls < 3
              ? Effect.fail(
                  new PullError({ reference, reason: new RegistryError({ url: "https://r.test/", status: 503 }) })
                )
              : Effect.succeed({ ...made, cached: false })
          )
      })
      yield* Effect.gen(function* () {
        const pulling = yield* Effect.forkChild(Effect.retry(pull("app:1"), Schedule.spaced("1 minute")))
        yield* TestClock.adjust("90 seconds")
        expect(calls).toBe(2)
        yield* TestClock.adjust("90 seconds")
        expect(yield* Fiber.join(pulling)).toMatchObject({ digest: "sha256:aa", cached: false })
      }).pipe(Effect.provide(flaky))
    })
  )

  it.live("has the sequence of its pull, and dies at what was not given", () =>
    Effect.gen(function* () {
      const puller = yield* Puller
      const events = yield* Effect.promise(() => lastValueFrom(puller.pull$("app:1").pipe(toArray())))
      expect(events).toEqual([
        { _tag: "Resolving", reference: "app:1" },
        { _tag: "Pulled", image: made, cached: true }
      ])
      expect(yield* Effect.exit(puller.resolve("app:1"))).toMatchObject({ _tag: "Failure" })
      yield* Effect.promise(() => expect(lastValueFrom(puller.tags$("app:1"))).rejects.toThrow("tags$"))
    }).pipe(
      Effect.provide(
        Puller.layerTest({
          pull: (reference, _, emit) =>
            Effect.sync(() => {
              emit?.({ _tag: "Resolving", reference })
              return { ...made, cached: true }
            })
        })
      )
    )
  )
})
