import { mkdir, open as openFile, readdir, readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { concat, from, lastValueFrom, NEVER, Observable, of, reduce, take, tap, throwError, toArray } from "rxjs"
import { expect, vi } from "vitest"
import { BlobInterrupted } from "../../../src/api/errors.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import { openPartial } from "../../../src/store/blobs/PartialBlob.ts"
import { it } from "../../support/effect.ts"
import { directory } from "../fixtures.ts"

const blob = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251))
const broken = new BlobInterrupted({ digest: "x", offset: 0, problem: "reset" })
const place = Effect.map(directory, (path) => join(path, "partial", "sha256:abc"))
const from$ = (offset: number, end = blob.length) => {
  const chunks: Array<Uint8Array> = []
  for (let at = offset; at < end; at += 1000) chunks.push(blob.subarray(at, Math.min(end, at + 1000)))
  return from(chunks)
}
const whole = (source: Observable<Uint8Array>) =>
  Effect.promise(() => lastValueFrom(source.pipe(reduce((all: Array<Uint8Array>, chunk) => [...all, chunk], []))))

it.effect("bytes of a body that broke are kept, and the next pull asks for the rest only", () =>
  Effect.gen(function* () {
    const path = yield* place
    yield* Effect.scoped(
      Effect.gen(function* () {
        const partial = yield* openPartial(path, blob.length)
        expect(partial.size()).toBe(0)
        const source = partial.bytes$(new Gate(), () =>
          concat(
            from$(0, 123_456),
            throwError(() => broken)
          )
        )
        const error = yield* Effect.promise(() => lastValueFrom(source).catch((error) => error))
        expect(error).toBe(broken)
        expect(partial.size()).toBe(123_456)
      })
    )
    const partial = yield* openPartial(path, blob.length)
    const offsets: Array<number> = []
    const rest = (_: Gate, offset: number) => {
      offsets.push(offset)
      return from$(offset)
    }
    expect(blob.equals(Buffer.concat(yield* whole(partial.bytes$(new Gate(), rest))))).toBe(true)
    expect(offsets).toEqual([123_456])
    expect(blob.equals(Buffer.concat(yield* whole(partial.bytes$(new Gate(), () => throwError(() => broken)))))).toBe(
      true
    )
    expect(blob.equals(yield* Effect.promise(() => readFile(path)))).toBe(true)
  })
)

it.effect("unsubscribing keeps what had arrived", () =>
  Effect.gen(function* () {
    const path = yield* place
    yield* Effect.scoped(
      Effect.gen(function* () {
        const partial = yield* openPartial(path, blob.length)
        yield* Effect.promise(() =>
          lastValueFrom(partial.bytes$(new Gate(), () => concat(from$(0, 50_000), NEVER)).pipe(take(50)))
        )
        expect(partial.size()).toBeLessThan(50_000)
        yield* Effect.promise(() => lastValueFrom(partial.bytes$(new Gate(), (_, at) => from$(at, 90_000))))
      })
    )
    expect(blob.subarray(0, 90_000).equals(yield* Effect.promise(() => readFile(path)))).toBe(true)
  })
)

it.effect("what is discarded is gone when the scope ends", () =>
  Effect.gen(function* () {
    const path = yield* place
    yield* Effect.scoped(
      Effect.gen(function* () {
        const partial = yield* openPartial(path, blob.length)
        yield* whole(partial.bytes$(new Gate(), () => from$(0)))
        yield* partial.discard
        expect(partial.size()).toBe(0)
      })
    )
    expect(yield* Effect.promise(() => readdir(join(path, "..")))).toEqual([])
  })
)

it.effect("a file longer than its blob is not believed", () =>
  Effect.gen(function* () {
    const path = yield* place
    yield* Effect.scoped(openPartial(path, 10))
    yield* Effect.promise(() => writeFile(path, blob))
    const partial = yield* openPartial(path, 10)
    expect(partial.size()).toBe(0)
    expect((yield* Effect.promise(() => stat(path))).size).toBe(0)
  })
)

it.effect("a shut gate stops the kept bytes, and an opened one lets them go on", () =>
  Effect.gen(function* () {
    const path = yield* place
    const partial = yield* openPartial(path, blob.length)
    yield* whole(partial.bytes$(new Gate(), () => from$(0)))
    const gate = new Gate()
    const seen: Array<Uint8Array> = []
    const ended = new Promise<void>((complete, error) =>
      partial
        .bytes$(gate, () => NEVER)
        .subscribe({
          next: (chunk) => {
            seen.push(chunk)
            gate.close()
            // Whatever was read ahead would be here before a later read of the same file is done.
            const count = seen.length
            readFile(path).then(() => {
              expect(seen).toHaveLength(count)
              gate.open()
            }, error)
          },
          complete,
          error
        })
    )
    yield* Effect.promise(() => ended)
    expect(seen.length).toBeGreaterThan(3)
    expect(blob.equals(Buffer.concat(seen))).toBe(true)
  })
)

it.effect("a source that is faster than the disk finds its gate shut, and open again later", () =>
  Effect.gen(function* () {
    const path = yield* place
    const [size, chunk] = [16 * 2 ** 20, new Uint8Array(2 ** 16)]
    const partial = yield* openPartial(path, size)
    let most = 0
    const source = (gate: Gate) =>
      new Observable<Uint8Array>((subscriber) => {
        let sent = 0
        return gate.open$.subscribe((isOpen) => {
          while (isOpen && gate.isOpen && sent < size) {
            sent += chunk.length
            most = Math.max(most, sent - partial.size())
            subscriber.next(chunk)
          }
          if (sent === size) subscriber.complete()
        })
      })
    yield* Effect.promise(() => lastValueFrom(partial.bytes$(new Gate(), source)))
    expect(partial.size()).toBe(size)
    expect(most).toBeGreaterThan(2 ** 17)
    expect(most).toBeLessThanOrEqual(2 ** 18 + 2 * chunk.length)
  })
)

it.effect("a gate that was shut while all writes were small and late opens again", () =>
  Effect.gen(function* () {
    const partial = yield* openPartial(yield* place, blob.length)
    const step = 30_000
    const source = partial.bytes$(
      new Gate(),
      (gate) =>
        new Observable((subscriber) => {
          let at = 0
          const emit = () => {
            for (; gate.isOpen && at < blob.length; at += step) {
              subscriber.next(blob.subarray(at, at + step))
              // What waits is written for its patience's sake, and no write is done before this turn is.
              vi.advanceTimersByTime(200)
            }
            if (at >= blob.length) subscriber.complete()
          }
          vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
          subscriber.add(() => vi.useRealTimers())
          subscriber.add(gate.open$.subscribe((open) => open && emit()))
        })
    )
    expect(blob.equals(Buffer.concat(yield* whole(source)))).toBe(true)
  })
)

it.effect("the consumer's gate shuts the source as well", () =>
  Effect.gen(function* () {
    const partial = yield* openPartial(yield* place, blob.length)
    const [outer, states] = [new Gate(), [] as boolean[]]
    const source = (gate: Gate) => {
      gate.open$.subscribe((isOpen) => states.push(isOpen))
      return NEVER
    }
    const ready = new Promise<void>((resolve) =>
      partial
        .bytes$(outer, (gate) => concat(of(blob.subarray(0, 10)), source(gate)))
        .pipe(tap(() => queueMicrotask(resolve)))
        .subscribe()
    )
    yield* Effect.promise(() => ready)
    outer.close()
    outer.open()
    expect(states).toEqual([true, false, true])
  })
)

/** Some open file, closed with the test. */
const opened = (path: string) =>
  Effect.acquireRelease(
    Effect.promise(() => openFile(join(path, "../.."))),
    (file) => Effect.promise(() => file.close())
  )

it.effect("where there is no room to keep the bytes they are passed on all the same", () =>
  Effect.gen(function* () {
    const path = yield* place
    // No disk is full on demand: all writes of open files are refused as a full one refuses them.
    const prototype = Object.getPrototypeOf(yield* opened(path))
    const full = vi.spyOn(prototype, "writev").mockRejectedValue(Object.assign(new Error("full"), { code: "ENOSPC" }))
    yield* Effect.addFinalizer(() => Effect.sync(() => full.mockRestore()))
    const pull = Effect.gen(function* () {
      const partial = yield* openPartial(path, blob.length)
      const chunks = yield* Effect.promise(() =>
        lastValueFrom(partial.bytes$(new Gate(), () => from$(0)).pipe(toArray()))
      )
      expect(Buffer.concat(chunks).equals(blob)).toBe(true)
      expect(partial.size()).toBe(0)
    })
    yield* Effect.scoped(pull)
  })
)

it.effect("a file that cannot be opened is a typed error", () =>
  Effect.gen(function* () {
    const path = yield* place
    yield* Effect.promise(() => mkdir(path, { recursive: true }))
    const error = yield* Effect.flip(Effect.scoped(openPartial(path, blob.length)))
    expect(error).toMatchObject({ _tag: "FileSystemFailed", operation: "open", code: "EISDIR" })
  })
)
