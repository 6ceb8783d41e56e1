import { execFileSync } from "node:child_process"
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { expect } from "vitest"
import { codeOf } from "../../src/api/codeOf.ts"
import { readBounded } from "../../src/fs/readBounded.ts"
import { it } from "../support/effect.ts"

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "ociflow-bounded-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

const pipe = Effect.map(directory, (home) => {
  const path = join(home, "pipe")
  execFileSync("mkfifo", [path])
  return path
})

const textOf = (path: string, most = 10) =>
  readBounded(path, most).pipe(
    Effect.map(String),
    Effect.catch((error) => Effect.succeed(codeOf(error)))
  )

/** More than Node has threads for its calls. */
const many = Array.from({ length: 5 })

/** Real time, in which whatever is to be opened is. */
const aWhile = Effect.promise(() => new Promise<void>((done) => setTimeout(done, 50)))

it.effect("a file is read whole up to the bound, and not at all beyond", () =>
  Effect.gen(function* () {
    const path = join(yield* directory, "file")
    yield* Effect.promise(() => writeFile(path, "0123456789"))
    expect(yield* textOf(path, 10)).toBe("0123456789")
    expect(yield* textOf(path, 9)).toBe("EFBIG")
  })
)

it.effect("what is not there, a directory and a socket are errors of the system", () =>
  Effect.gen(function* () {
    const home = yield* directory
    const path = join(home, "socket")
    yield* Effect.acquireRelease(
      Effect.promise(
        () =>
          new Promise<ReturnType<typeof createServer>>((done) => {
            const server = createServer().listen(path, () => done(server))
          })
      ),
      (server) => Effect.sync(() => server.close())
    )
    expect(yield* textOf(join(home, "none"))).toBe("ENOENT")
    expect(yield* textOf(home)).toBe("EISDIR")
    expect(yield* textOf(path)).toBe("ENXIO")
  })
)

if (process.platform === "linux")
  it.effect("a device ends at the bound, one that is empty is empty", () =>
    Effect.gen(function* () {
      expect(yield* textOf("/dev/zero")).toBe("EFBIG")
      expect(yield* textOf("/dev/null")).toBe("")
    })
  )

it.effect("what is written to a pipe is read", () =>
  Effect.gen(function* () {
    const path = yield* pipe
    const reading = yield* Effect.forkScoped(textOf(path))
    yield* Effect.promise(() => writeFile(path, "written"))
    expect(yield* Fiber.join(reading)).toBe("written")
  })
)

it.effect("pipes that nobody writes to keep no thread, and end when the read is interrupted", () =>
  Effect.gen(function* () {
    const path = yield* pipe
    const readings = yield* Effect.forEach(many, () => Effect.forkScoped(textOf(path)))
    yield* aWhile
    expect((yield* Effect.promise(() => stat(path))).isFIFO()).toBe(true)
    yield* Fiber.interruptAll(readings)
  })
)

it.effect("a pipe that nobody writes to is given up after thirty seconds", () =>
  Effect.gen(function* () {
    const path = yield* pipe
    const begun = yield* Deferred.make<void>()
    const reading = yield* Effect.forkScoped(Effect.andThen(Deferred.succeed(begun, undefined), textOf(path)))
    yield* Deferred.await(begun)
    yield* aWhile
    yield* TestClock.adjust("29 seconds")
    expect(reading.pollUnsafe()).toBe(undefined)
    yield* TestClock.adjust("1 seconds")
    expect(yield* Fiber.join(reading)).toBe("ETIMEDOUT")
  })
)
