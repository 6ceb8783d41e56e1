/** What becomes of a partial blob that is whole: it is moved, also to another file system, copied, or discarded. */
import { createHash } from "node:crypto"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import { lastValueFrom, of, toArray } from "rxjs"
import { describe, expect } from "vitest"
import { Gate } from "../../../src/reactive/Gate.ts"
import { openPartial, openWhole } from "../../../src/store/blobs/PartialBlob.ts"
import { it } from "../../support/effect.ts"
import { directory } from "../fixtures.ts"

const blob = Buffer.from(Array.from({ length: 50_000 }, (_, i) => i % 251))

/** A partial blob with its first bytes. */
const partialOf = Effect.fnUntraced(function* (bytes: number) {
  const root = yield* directory
  const path = join(root, "partial", "sha256:abc")
  const partial = yield* openPartial(path, blob.length)
  yield* Effect.promise(() => lastValueFrom(partial.bytes$(new Gate(), () => of(blob.subarray(0, bytes)))))
  return { root, path, partial }
})

const contentOf = (path: string) => Effect.promise(() => readFile(path))
const namesIn = (path: string) => Effect.promise(() => readdir(path))

/** Memory, which is another file system than that of temporary files; where there is none, another directory. */
const elsewhere = existsSync("/dev/shm") ? "/dev/shm" : tmpdir()
const inMemory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(elsewhere, "ociflow-moves-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

describe("a blob that is whole", () => {
  it.effect("is moved into a directory that is made; it can be read on, and what is discarded then is nothing", () =>
    Effect.gen(function* () {
      const { root, path, partial } = yield* partialOf(blob.length)
      const to = join(root, "blobs", "sha256", "abc")
      expect(yield* partial.moveTo(to, { lasting: false })).toBe(true)
      yield* partial.discard
      expect((yield* contentOf(to)).equals(blob)).toBe(true)
      expect(existsSync(path)).toBe(false)
      const read = yield* Effect.promise(() => lastValueFrom(partial.bytes$(new Gate(), () => of()).pipe(toArray())))
      expect(Buffer.concat(read).equals(blob)).toBe(true)
    })
  )

  for (const lasting of [false, true])
    it.effect(`is moved to another file system, over what a dead process left there: lasting ${lasting}`, () =>
      Effect.gen(function* () {
        const { path, partial } = yield* partialOf(blob.length)
        const to = join(yield* inMemory, "abc")
        const beside = `${to}.${createHash("sha256").update(path).digest("hex").slice(0, 16)}`
        yield* Effect.promise(() => writeFile(beside, "left"))
        expect(yield* partial.moveTo(to, { lasting })).toBe(true)
        expect((yield* contentOf(to)).equals(blob)).toBe(true)
        expect(existsSync(path)).toBe(false)
        expect(yield* namesIn(dirname(to))).toEqual(["abc"])
      })
    )

  it.effect("that cannot be moved there stays, and leaves nothing there", () =>
    Effect.gen(function* () {
      const { path, partial } = yield* partialOf(blob.length)
      const to = join(yield* inMemory, "abc")
      // No file takes the place of a directory.
      yield* Effect.promise(() => mkdir(to))
      const failure = yield* Effect.flip(partial.moveTo(to, { lasting: false }))
      expect(failure).toMatchObject({ _tag: "FileSystemFailed", path: to })
      expect(yield* namesIn(dirname(to))).toEqual(["abc"])
      expect((yield* contentOf(path)).equals(blob)).toBe(true)
    })
  )

  it.effect("is copied, and stays; what has the name is not replaced", () =>
    Effect.gen(function* () {
      const { root, path, partial } = yield* partialOf(blob.length)
      const to = join(root, "copy")
      expect(yield* partial.copyTo(to)).toBe(true)
      for (const file of [to, path]) expect((yield* contentOf(file)).equals(blob)).toBe(true)
      expect(yield* Effect.flip(partial.copyTo(to))).toMatchObject({ _tag: "FileSystemFailed", code: "EEXIST" })
    })
  )
})

it.effect("a blob of which a byte is missing is not moved, nor copied", () =>
  Effect.gen(function* () {
    const { root, path, partial } = yield* partialOf(blob.length - 1)
    const to = join(root, "to")
    expect([yield* partial.moveTo(to, { lasting: true }), yield* partial.copyTo(to)]).toEqual([false, false])
    expect(existsSync(to)).toBe(false)
    expect((yield* contentOf(path)).equals(blob.subarray(0, -1))).toBe(true)
  })
)

it.effect("a blob that others keep is read and copied, and neither moved nor discarded", () =>
  Effect.gen(function* () {
    const root = yield* directory
    const [path, to] = [join(root, "abc"), join(root, "to")]
    yield* Effect.promise(() => writeFile(path, blob))
    const whole = yield* openWhole(path, blob.length)
    expect([whole.size(), whole.received()]).toEqual([blob.length, blob.length])
    const { ahead$, bytes$ } = whole.arrival(() => of())
    expect(yield* Effect.promise(() => lastValueFrom(ahead$.pipe(toArray())))).toEqual([])
    for (const read$ of [bytes$(new Gate()), whole.bytes$(new Gate(), () => of())])
      expect(Buffer.concat(yield* Effect.promise(() => lastValueFrom(read$.pipe(toArray())))).equals(blob)).toBe(true)
    expect(yield* whole.moveTo(to, { lasting: false })).toBe(false)
    yield* whole.discard
    expect(yield* whole.copyTo(to)).toBe(true)
    for (const file of [to, path]) expect((yield* contentOf(file)).equals(blob)).toBe(true)
    expect(yield* Effect.flip(whole.copyTo(to))).toMatchObject({ code: "EEXIST" })
  })
)
