/** A process that is stopped while it holds a lock keeps it: nobody waits for it without end. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { logout } from "../../../src/login.ts"
import { lockBriefly, longestHold } from "../../../src/store/locks/Lock.ts"
import { it } from "../../support/effect.ts"
import { directory, open, pullInto } from "../fixtures.ts"
import { start } from "../process.ts"

const stoppedHolder = Effect.fnUntraced(function* (path: string) {
  const holder = yield* start("takeLock.ts", "file", path)
  yield* Effect.promise(() => holder.says("held"))
  holder.process.kill("SIGSTOP")
  return holder
})

/** Real time for the work, the clock's for the wait. */
const whileTimePasses = Effect.fnUntraced(function* <A, E>(work: Effect.Effect<A, E>) {
  const fiber = yield* Effect.forkChild(work, { startImmediately: true })
  while (fiber.pollUnsafe() === undefined) {
    yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
    yield* TestClock.adjust(longestHold / 10)
  }
  return yield* Effect.flip(Fiber.join(fiber))
})

it.effect(
  "a lock that is held for moments is waited for so long, and no longer",
  () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "locks", "a")
      const holder = yield* stoppedHolder(path)
      const fiber = yield* Effect.forkChild(Effect.flip(Effect.scoped(lockBriefly(path))), { startImmediately: true })
      yield* TestClock.adjust(longestHold - 1)
      expect(fiber.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(fiber)
      expect(error).toMatchObject({ operation: "lock", path, code: "ETIMEDOUT" })
      expect(error.advice).toMatch(/Find the process that has it open/)
      holder.process.kill("SIGKILL")
      yield* Effect.promise(() => holder.ended)
      yield* Effect.scoped(lockBriefly(path))
    }),
  60_000
)

it.effect("nothing is removed while a stopped process has the catalogue locked", () =>
  Effect.gen(function* () {
    const store = yield* open({ root: yield* directory })
    yield* pullInto(store, { reference: "e.org/a:1" })
    const path = join(store.root, "locks", "catalogue")
    const holder = yield* stoppedHolder(path)
    const late = { _tag: "FileSystemFailed", operation: "lock", path, code: "ETIMEDOUT" }
    expect(yield* whileTimePasses(store.upkeep.remove("e.org/a:1"))).toMatchObject(late)
    expect(yield* whileTimePasses(store.upkeep.prune())).toMatchObject(late)
    expect(yield* store.catalogue.images()).toHaveLength(1)
    holder.process.kill("SIGKILL")
    yield* Effect.promise(() => holder.ended)
    expect(yield* store.upkeep.remove("e.org/a:1")).toMatchObject({ images: ["e.org/a:1"] })
  })
)

it.effect(
  "nor is a login forgotten beside one that was stopped while it changed the file",
  () =>
    Effect.gen(function* () {
      const home = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "ociflow-stopped-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true }))
      )
      const path = join(home, "config.json")
      const text = JSON.stringify({ auths: { "r.test": { auth: "eDp5" } } })
      yield* Effect.promise(() => writeFile(path, text))
      yield* stoppedHolder(`${path}.lock`)
      const config = ConfigProvider.fromUnknown({ DOCKER_CONFIG: home })
      const forgetting = Effect.provideService(logout("r.test"), ConfigProvider.ConfigProvider, config)
      const { reason } = yield* whileTimePasses(forgetting)
      expect(reason._tag).toBe("InvalidOption")
      expect(reason.message).toMatch(/another process keeps locked/)
      expect(yield* Effect.promise(() => readFile(path, "utf8"))).toBe(text)
    }),
  60_000
)
