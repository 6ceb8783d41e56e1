/** A download whose reader comes late: the reader gets the blob, whole and in order, and nothing is asked for twice. */
import { open as openFile, readFile } from "node:fs/promises"
import { join } from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { lastValueFrom, Observable, Subject, tap, toArray } from "rxjs"
import { describe, expect, vi } from "vitest"
import { BlobInterrupted } from "../../../src/api/errors.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import type { Rest } from "../../../src/store/blobs/Arrival.ts"
import { openPartial, type PartialBlob } from "../../../src/store/blobs/PartialBlob.ts"
import { it } from "../../support/effect.ts"
import { runs } from "../../support/runs.ts"
import { directory } from "../fixtures.ts"

const blob = Buffer.from(Array.from({ length: 900_000 }, (_, i) => i % 251))
const place = Effect.map(directory, (path) => join(path, "partial", "sha256:abc"))

/** A registry that sends a piece in each turn of the event loop while the gate is open, and says where it was asked to begin. */
const sending = (sizes: ReadonlyArray<number>, size: number) => {
  const asked: Array<number> = []
  const rest: Rest = (gate, offset) =>
    new Observable((sink) => {
      asked.push(offset)
      const send = async () => {
        for (let at = offset, turns = 0; at < size && !sink.closed; turns++) {
          await turn()
          if (!gate.isOpen) continue
          const end = Math.min(size, at + (sizes[turns % sizes.length] ?? 1))
          sink.next(blob.subarray(at, end))
          at = end
        }
        sink.complete()
      }
      void send()
    })
  return { asked, rest }
}

/** Reads as `gates` says: for so many turns the gate is shut after each piece. */
const reading = async (bytes$: (gate: Gate) => Observable<Uint8Array>, shut: number) => {
  const gate = new Gate()
  const slow = async () => {
    for (let left = shut; left > 0; left--) await turn()
    gate.open()
  }
  const pieces = bytes$(gate).pipe(
    tap(() => {
      if (shut === 0) return
      gate.close()
      void slow()
    }),
    toArray()
  )
  return Buffer.concat(await lastValueFrom(pieces))
}

const turns = async (count: number) => {
  for (let left = count; left > 0; left--) await turn()
}

const withPartial = <A>(use: (partial: PartialBlob, path: string) => Promise<A>, size: number, kept = 0) =>
  Effect.gen(function* () {
    const path = yield* place
    const partial = yield* openPartial(path, size)
    if (kept > 0) {
      const { rest } = sending([kept], kept)
      yield* Effect.promise(() => lastValueFrom(partial.bytes$(new Gate(), rest)))
    }
    return yield* Effect.promise(() => use(partial, path))
  }).pipe(Effect.scoped)

/** A download whose pieces the test gives, and whether it may go on. */
const byHand = (partial: PartialBlob) => {
  const source = new Subject<Uint8Array>()
  let inner: Gate | undefined
  const arrival = partial.arrival((gate) => {
    inner = gate
    return source
  })
  return { ...arrival, source, isOpen: () => inner?.isOpen }
}

const given = fc.record({
  size: fc.integer({ min: 1, max: blob.length }),
  keptShare: fc.constantFrom(0, 0, 0.3, 1),
  sizes: fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 8 }),
  wait: fc.integer({ min: 0, max: 40 }),
  shut: fc.integer({ min: 0, max: 4 })
})

describe("a reader that comes late", () => {
  it.live(
    "gets the whole blob, whenever it comes and however fast it is",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(given, ({ size, keptShare, sizes, wait, shut }) => {
            const kept = Math.floor(size * keptShare)
            // Small pieces only of a small blob.
            const pieces = sizes.map((length) => Math.max(length, Math.ceil(size / 100)))
            const run = withPartial(
              async (partial, path) => {
                const { asked, rest } = sending(pieces, size)
                const { ahead$, bytes$ } = partial.arrival(rest)
                const ahead = ahead$.subscribe()
                await turns(wait)
                const read = await reading(bytes$, shut)
                ahead.unsubscribe()
                expect(read.equals(blob.subarray(0, size))).toBe(true)
                expect(asked).toEqual(kept === size ? [] : [kept])
                expect((await readFile(path)).equals(read)).toBe(true)
              },
              size,
              kept
            )
            return Effect.runPromise(run.pipe(Effect.scoped))
          }),
          { numRuns: runs(40) }
        )
      ),
    600_000
  )

  it.effect("that is there from the start needs no download ahead", () =>
    withPartial(async (partial) => {
      const { asked, rest } = sending([70_000], blob.length)
      expect((await reading(partial.arrival(rest).bytes$, 0)).equals(blob)).toBe(true)
      expect(asked).toEqual([0])
    }, blob.length)
  )

  it.effect("is waited for while the bytes before it are written; then both go on", () =>
    withPartial(async (partial) => {
      const { ahead$, bytes$, source, isOpen } = byHand(partial)
      const ahead = ahead$.subscribe()
      await expect.poll(isOpen).toBe(true)
      source.next(blob.subarray(0, 1000))
      expect(isOpen()).toBe(true)
      let seen = 0
      const reader = bytes$(new Gate()).subscribe(({ length }) => {
        seen += length
      })
      expect([isOpen(), seen]).toEqual([false, 0])
      await expect.poll(() => [isOpen(), seen]).toEqual([true, 1000])
      reader.unsubscribe()
      ahead.unsubscribe()
    }, blob.length)
  )

  it.effect("holds the download back, once it has caught up", () =>
    withPartial(async (partial) => {
      const { ahead$, bytes$, source, isOpen } = byHand(partial)
      const ahead = ahead$.subscribe()
      const gate = new Gate()
      let seen = 0
      const reader = bytes$(gate).subscribe(({ length }) => {
        seen += length
      })
      await expect.poll(isOpen).toBe(true)
      source.next(blob.subarray(0, 1000))
      await expect.poll(() => seen).toBe(1000)
      gate.close()
      expect(isOpen()).toBe(false)
      gate.open()
      expect(isOpen()).toBe(true)
      reader.unsubscribe()
      ahead.unsubscribe()
    }, blob.length)
  )
})

it.effect("a download that breaks says so without a reader, when all of it is kept", () =>
  withPartial(async (partial) => {
    const broken = new BlobInterrupted({ digest: "x", offset: 5000, problem: "reset" })
    const { ahead$ } = partial.arrival(
      () =>
        new Observable((sink) => {
          sink.next(blob.subarray(0, 5000))
          sink.error(broken)
        })
    )
    expect(await lastValueFrom(ahead$).catch((error) => error)).toBe(broken)
    expect([partial.size(), partial.received()]).toEqual([5000, 5000])
  }, blob.length)
)

it.effect("how many bytes are here is told at once, also of those that wait to be written", () =>
  withPartial(
    async (partial) => {
      const source = new Subject<Uint8Array>()
      const told: Array<number> = []
      const ahead = partial.arrival(() => source).ahead$.subscribe((bytes) => told.push(bytes))
      await expect.poll(() => told).toEqual([2000])
      source.next(blob.subarray(2000, 2500))
      expect([told, partial.size(), partial.received()]).toEqual([[2000, 2500], 2000, 2500])
      ahead.unsubscribe()
    },
    blob.length,
    2000
  )
)

/** The disk takes so many writes, and no more. Gives how many it refused. */
const refusing = Effect.fnUntraced(function* (code: string, taken: number) {
  const probe = yield* Effect.promise(async () => {
    const file = await openFile("/dev/null")
    await file.close()
    return Object.getPrototypeOf(file)
  })
  const { writev } = probe
  let left = taken
  let refused = 0
  const spy = vi.spyOn(probe, "writev").mockImplementation(function (this: unknown, ...given: Array<unknown>) {
    if (left-- > 0) return Reflect.apply(writev, this, given)
    refused += 1
    return Promise.reject(Object.assign(new Error("refused"), { code }))
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => spy.mockRestore()))
  return () => refused
})

describe("where the disk is full", () => {
  for (const writes of [0, 1, 3])
    it.effect(`after ${writes} writes, what has no room is requested again by the reader`, () =>
      Effect.gen(function* () {
        const path = yield* place
        const refused = yield* refusing("ENOSPC", writes)
        const partial = yield* openPartial(path, blob.length)
        const { asked, rest } = sending([70_000], blob.length)
        const { ahead$, bytes$ } = partial.arrival(rest)
        yield* Effect.promise(async () => {
          const ahead = ahead$.subscribe()
          await expect.poll(refused).toBeGreaterThan(0)
          expect((await reading(bytes$, 1)).equals(blob)).toBe(true)
          ahead.unsubscribe()
        })
        expect(asked).toEqual([0, partial.size()])
        expect(partial.size()).toBeLessThan(blob.length)
      }).pipe(Effect.scoped)
    )
})

describe("where the disk fails", () => {
  const failure = { _tag: "FileSystemFailed", operation: "write", code: "EIO" }
  /** What was sent until the download failed. */
  const sentUntil = async (download: (rest: Rest) => Observable<unknown>) => {
    let sent = 0
    const { rest } = sending([70_000], blob.length)
    const counted: Rest = (...asked) => rest(...asked).pipe(tap(({ length }) => (sent += length)))
    await expect(lastValueFrom(download(counted))).rejects.toMatchObject(failure)
    return sent
  }

  for (const writes of [0, 1])
    it.effect(`after ${writes} writes, a download ends soon, with its reader and without`, () =>
      Effect.gen(function* () {
        const path = yield* place
        yield* refusing("EIO", writes)
        const partial = yield* openPartial(path, blob.length)
        for (const download of [
          (rest: Rest) => partial.bytes$(new Gate(), rest),
          (rest: Rest) => partial.arrival(rest).ahead$
        ]) {
          expect(yield* Effect.promise(() => sentUntil(download))).toBeLessThan(2 ** 19)
          yield* partial.discard
        }
      }).pipe(Effect.scoped)
    )

  it.effect("a reader that comes late is told, and never misses what could not be written", () =>
    Effect.gen(function* () {
      const path = yield* place
      const refused = yield* refusing("EIO", 1)
      const partial = yield* openPartial(path, blob.length)
      const { rest } = sending([30_000], blob.length)
      const { ahead$, bytes$ } = partial.arrival(rest)
      yield* Effect.promise(async () => {
        const ahead = ahead$.subscribe({ error: () => undefined })
        await expect.poll(refused).toBeGreaterThan(0)
        let seen = 0
        const pieces$ = bytes$(new Gate()).pipe(
          tap((piece) => {
            expect(Buffer.compare(piece, blob.subarray(seen, seen + piece.length))).toBe(0)
            seen += piece.length
          })
        )
        await expect(lastValueFrom(pieces$)).rejects.toMatchObject(failure)
        ahead.unsubscribe()
      })
    }).pipe(Effect.scoped)
  )
})
