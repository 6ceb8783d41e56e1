import { execFileSync } from "node:child_process"
import { mkdir, readdir, rm } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { describe, expect } from "vitest"
import { tryFileLock } from "../../../src/store/locks/fileLock.ts"
import { lock, noteOf, tryLock } from "../../../src/store/locks/Lock.ts"
import { trySocketLock } from "../../../src/store/locks/socketLock.ts"
import { it } from "../../support/effect.ts"
import { directory } from "../fixtures.ts"
import { start } from "../process.ts"

const place = Effect.map(directory, (path) => join(path, "locks", "sha256:abc"))

describe("a lock within one process", () => {
  it.live("reads no note from a FIFO, which would keep it waiting", () =>
    Effect.gen(function* () {
      const path = yield* place
      yield* Effect.promise(() => mkdir(dirname(path), { recursive: true }))
      execFileSync("mkfifo", [path])
      expect(yield* Effect.timeout(noteOf(path), "10 seconds")).toBeUndefined()
    })
  )

  it.effect("is held by one at a time, in the order of asking", () =>
    Effect.gen(function* () {
      const path = yield* place
      const order: Array<string> = []
      let inside = 0
      const work = (name: string) =>
        Effect.gen(function* () {
          yield* lock(path)
          inside += 1
          expect(inside).toBe(1)
          yield* Effect.yieldNow
          order.push(name)
          inside -= 1
        }).pipe(Effect.scoped)
      yield* Effect.forEach(["a", "b", "c", "d"], work, { concurrency: "unbounded" })
      expect(order).toEqual(["a", "b", "c", "d"])
    })
  )
  it.effect("tells those who wait what its holder noted, and nothing of the one before", () =>
    Effect.gen(function* () {
      const path = yield* place
      expect(yield* noteOf(path)).toBeUndefined()
      yield* Effect.scoped(Effect.andThen(lock(path, { note: "registry.example" }), noteOf(path))).pipe(
        Effect.map((note) => expect(note).toBe("registry.example"))
      )
      for (const [note, told] of [
        ["other:5000", "other:5000"],
        [undefined, undefined],
        ["x".repeat(1000), "x".repeat(300)]
      ])
        expect(yield* Effect.scoped(Effect.andThen(tryLock(path, { note }), noteOf(path)))).toBe(told)
      expect(yield* noteOf(path)).toBeUndefined()
    })
  )
  it.effect("leaves no file behind", () =>
    Effect.gen(function* () {
      const path = yield* place
      yield* Effect.scoped(lock(path))
      expect(yield* Effect.promise(() => readdir(join(path, "..")))).toEqual([])
    })
  )
  it.effect("removes no file but its own, where the directory was removed and made anew", () =>
    Effect.gen(function* () {
      const path = yield* place
      const removing = Effect.promise(() => rm(join(path, ".."), { recursive: true }))
      const scope = yield* Scope.make()
      yield* Scope.provide(lock(path), scope)
      yield* removing
      yield* Effect.promise(() => mkdir(join(path, "..")))
      const anew = yield* Effect.promise(() => tryFileLock(path, false))
      yield* Scope.close(scope, Exit.void)
      expect(yield* Effect.promise(() => readdir(join(path, "..")))).toEqual([basename(path)])
      yield* Effect.promise(async () => typeof anew === "object" && anew.release())
      expect(yield* Effect.promise(() => readdir(join(path, "..")))).toEqual([])
    })
  )
  it.effect("says once that it waits, and a wait can be interrupted", () =>
    Effect.gen(function* () {
      const path = yield* place
      yield* lock(path)
      let waits = 0
      const waiter = yield* Effect.forkChild(Effect.scoped(lock(path, { onWait: () => (waits += 1) })), {
        startImmediately: true
      })
      yield* Fiber.interrupt(waiter)
      expect(waits).toBe(1)
      expect(yield* Effect.scoped(tryLock(path))).toBe(false)
    })
  )
  it.effect("is free again after an interrupted wait and the holder's end", () =>
    Effect.gen(function* () {
      const path = yield* place
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* lock(path)
          yield* Fiber.interrupt(yield* Effect.forkChild(Effect.scoped(lock(path)), { startImmediately: true }))
        })
      )
      expect(yield* Effect.scoped(tryLock(path))).toBe(true)
    })
  )
  it.effect("shared ones stand beside each other, and not beside an exclusive one", () =>
    Effect.gen(function* () {
      const path = yield* place
      yield* Effect.scoped(
        Effect.gen(function* () {
          expect(yield* tryLock(path, { shared: true })).toBe(true)
          expect(yield* tryLock(path, { shared: true })).toBe(true)
          expect(yield* tryLock(path)).toBe(false)
        })
      )
      yield* lock(path)
      expect(yield* tryLock(path, { shared: true })).toBe(false)
    })
  )
})

describe("a lock between processes", () => {
  it.live("is refused while another process has it, and had at once when that one is killed", () =>
    Effect.gen(function* () {
      const path = yield* place
      const holder = yield* start("takeLock.ts", "file", path)
      yield* Effect.promise(() => holder.says("held"))
      expect(yield* Effect.scoped(tryLock(path))).toBe(false)
      const onWait = () => void holder.process.kill("SIGKILL")
      yield* Effect.scoped(lock(path, { onWait }))
      expect(yield* Effect.promise(() => holder.ended)).toBe("SIGKILL")
    })
  )
  it.live("waiting for another process can be interrupted, and gives nothing away", () =>
    Effect.gen(function* () {
      const path = yield* place
      const holder = yield* start("takeLock.ts", "file", path)
      yield* Effect.promise(() => holder.says("held"))
      const waits = yield* Deferred.make<void>()
      const onWait = () => void Deferred.doneUnsafe(waits, Effect.void)
      const waiter = yield* Effect.forkChild(Effect.scoped(lock(path, { onWait })))
      yield* Deferred.await(waits)
      yield* Fiber.interrupt(waiter)
      holder.process.kill("SIGKILL")
      yield* Effect.promise(() => holder.ended)
      expect(yield* Effect.scoped(tryLock(path))).toBe(true)
    })
  )
  it.live("without file locks a socket's name is the lock, and dies with its process too", () =>
    Effect.gen(function* () {
      if (process.platform !== "linux") {
        const refused = yield* Effect.promise(() => trySocketLock("x", false).catch((error) => error.code))
        return expect(refused).toBe("ENOTSUP")
      }
      const path = yield* place
      const holder = yield* start("takeLock.ts", "socket", path)
      yield* Effect.promise(() => holder.says("held"))
      expect(yield* Effect.promise(() => trySocketLock(path, false))).toBeUndefined()
      holder.process.kill("SIGKILL")
      yield* Effect.promise(() => holder.ended)
      const held = yield* Effect.promise(() => trySocketLock(path, false))
      expect(yield* Effect.promise(() => trySocketLock(path, false))).toBeUndefined()
      yield* Effect.promise(() => held?.release() ?? Promise.reject(new Error("not held")))
      const again = yield* Effect.promise(() => trySocketLock(path, false))
      yield* Effect.promise(() => again?.release() ?? Promise.reject(new Error("not held")))
    })
  )
  it.live("without file locks shared ones stand beside each other too, and not beside an exclusive one", () =>
    Effect.gen(function* () {
      if (process.platform !== "linux") {
        const refused = yield* Effect.promise(() => trySocketLock("x", true).catch((error) => error.code))
        return expect(refused).toBe("ENOTSUP")
      }
      const path = yield* place
      const holder = yield* start("takeLock.ts", "socket", path, "shared")
      yield* Effect.promise(() => holder.says("held"))
      const ask = (shared: boolean) => Effect.promise(() => trySocketLock(path, shared, true))
      const held = yield* ask(true)
      expect(held).toBeDefined()
      expect(yield* ask(false)).toBeUndefined()
      holder.process.kill("SIGKILL")
      yield* Effect.promise(() => holder.ended)
      expect(yield* ask(false)).toBeUndefined()
      yield* Effect.promise(() => held?.release() ?? Promise.reject(new Error("not held")))
      const alone = yield* ask(false)
      expect(alone).toBeDefined()
      expect(yield* ask(true)).toBeUndefined()
      yield* Effect.promise(() => alone?.release() ?? Promise.reject(new Error("not held")))
    })
  )
})
