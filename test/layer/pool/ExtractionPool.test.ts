import { randomBytes } from "node:crypto"
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Effect from "effect/Effect"
import {
  concatMap,
  filter,
  firstValueFrom,
  lastValueFrom,
  NEVER,
  Observable,
  Subject,
  startWith,
  take,
  tap,
  toArray
} from "rxjs"
import { afterAll, describe, expect } from "vitest"
import { CorruptLayer, isReason } from "../../../src/api/errors.ts"
import { ExtractionPool, type Source } from "../../../src/layer/pool/ExtractionPool.ts"
import { WorkerPool } from "../../../src/layer/pool/WorkerPool.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import type { Entry } from "../../../src/read/entries/Entry.ts"
import { digestOf, tar } from "../../../src/testing/index.ts"
import { it } from "../../support/effect.ts"
import { entries$ } from "../../support/layerEntries.ts"
import { gated } from "../readArchive.ts"

const root = mkdtempSync(join(tmpdir(), "ociflow-pool-"))
afterAll(() => rmSync(root, { recursive: true }))
const directory = () => mkdtempSync(join(root, "layer-"))

const layerOf = (archive: Uint8Array, blob: Uint8Array = gzipSync(archive)) => ({
  archive,
  blob,
  job: {
    digest: digestOf(blob),
    diffId: digestOf(archive),
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    size: blob.length
  }
})

const source =
  (bytes: Uint8Array, size = 65536): Source =>
  (gate) =>
    gated(bytes, gate, [size])

const using = <A, E>(
  body: (pool: ExtractionPool["Service"]) => Effect.Effect<A, E>,
  options: Parameters<typeof ExtractionPool.layer>[0] = { workers: 1 }
) => ExtractionPool.use(body).pipe(Effect.provide(ExtractionPool.layer(options)))

const run = <A>(make: () => Promise<A>) => Effect.promise(make)

/** Whatever this process, its threads among it, has open below a directory. */
const openBelow = (path: string): ReadonlyArray<string> =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      return target.startsWith(path) ? [target] : []
    } catch {
      return []
    }
  })

const small = layerOf(
  tar().directory("etc/").file("etc/os-release", "ID=test\n").symlink("os", "etc/os-release").end().bytes()
)
const noise = randomBytes(3 * 2 ** 20)
const large = layerOf(
  tar()
    .file("first", "1")
    .file("large", noise)
    .file("small", "2")
    .file("last", noise.subarray(0, 200_000))
    .end()
    .bytes()
)

/** Emits the beginning of a layer and then nothing, for ever. */
const stalling =
  (bytes: Uint8Array, unsubscribed: () => void = () => {}): Source =>
  () =>
    new Observable((subscriber) => {
      subscriber.next(Uint8Array.from(bytes.subarray(0, bytes.length >> 1)))
      return unsubscribed
    })

describe("extract$", () => {
  it.live("writes a layer, and ends with its measure", () =>
    using((pool) =>
      run(async () => {
        const to = directory()
        const events = await lastValueFrom(
          pool.extract$({ ...small.job, directory: to }, source(small.blob, 100)).pipe(toArray())
        )
        expect(events.at(-1)).toMatchObject({ _tag: "Extracted", inflated: small.archive.length, entries: 3 })
        expect(events.at(-2)).toMatchObject({
          _tag: "LayerProgress",
          received: small.blob.length,
          consumed: small.blob.length,
          entries: 3
        })
        expect(readFileSync(join(to, "etc/os-release"), "utf8")).toBe("ID=test\n")
        expect(openBelow(to)).toEqual([])
      })
    )
  )

  it.live("one worker takes one layer after the other, in the order in which they came", () =>
    using((pool) =>
      run(async () => {
        const order: Array<number> = []
        await Promise.all(
          [0, 1, 2, 3].map((i) =>
            lastValueFrom(
              pool.extract$({ ...small.job, directory: directory() }, (gate) => {
                order.push(i)
                return gated(small.blob, gate)
              })
            )
          )
        )
        expect(order).toEqual([0, 1, 2, 3])
      })
    )
  )

  it.live("a layer that falls silent keeps no other from its worker, and goes on when it can", () =>
    using((pool) =>
      run(async () => {
        const rest = new Subject<Uint8Array>()
        const half = large.blob.length >> 1
        const [stalled, to] = [directory(), directory()]
        const done = lastValueFrom(
          pool.extract$({ ...large.job, directory: stalled }, () =>
            rest.pipe(startWith(Uint8Array.from(large.blob.subarray(0, half))))
          )
        )
        await lastValueFrom(pool.extract$({ ...small.job, directory: to }, source(small.blob)))
        expect(readFileSync(join(to, "etc/os-release"), "utf8")).toBe("ID=test\n")
        rest.next(Uint8Array.from(large.blob.subarray(half)))
        rest.complete()
        expect(await done).toMatchObject({ _tag: "Extracted", entries: 4 })
      })
    )
  )

  it.live("who unsubscribes while waiting leaves the line, and its source is never subscribed", () =>
    using((pool) =>
      run(async () => {
        const first = pool.extract$({ ...small.job, directory: directory() }, stalling(small.blob)).subscribe()
        let subscribed = false
        const second = pool
          .extract$({ ...small.job, directory: directory() }, () => {
            subscribed = true
            return NEVER
          })
          .subscribe()
        second.unsubscribe()
        first.unsubscribe()
        await lastValueFrom(pool.extract$({ ...small.job, directory: directory() }, source(small.blob)))
        expect(subscribed).toBe(false)
      })
    )
  )

  it.live("reasons cross the thread as what they are", () =>
    using((pool) =>
      run(async () => {
        const wrong = { ...small.job, diffId: digestOf(Buffer.from("other")), directory: directory() }
        const failure = await lastValueFrom(pool.extract$(wrong, source(small.blob))).catch((error) => error)
        expect(isReason(failure)).toBe(true)
        expect(failure).toMatchObject({
          _tag: "DigestMismatch",
          subject: "diffID",
          expected: wrong.diffId,
          actual: small.job.diffId
        })

        const broken = layerOf(Buffer.alloc(2000, "no archive "))
        const corrupt = await lastValueFrom(
          pool.extract$({ ...broken.job, directory: directory() }, source(broken.blob))
        ).catch((error) => error)
        expect(corrupt).toBeInstanceOf(CorruptLayer)
        expect(corrupt.message).toMatch(/is corrupt \(untar\)/)
        expect(corrupt.isRetryable).toBe(false)
      })
    )
  )

  it.live("a source that fails fails the layer with its own error, and the worker goes on", () =>
    using((pool) =>
      run(async () => {
        const failure = new Error("socket")
        const result = lastValueFrom(
          pool.extract$({ ...small.job, directory: directory() }, () => new Observable((s) => s.error(failure)))
        )
        await expect(result).rejects.toBe(failure)
        await lastValueFrom(pool.extract$({ ...small.job, directory: directory() }, source(small.blob)))
      })
    )
  )

  it.live("unsubscribing stops a worker that waits for bytes: it closes its files and takes the next layer", () =>
    using((pool) =>
      Effect.gen(function* () {
        const to = directory()
        let unsubscribed = false
        const started = yield* run(
          () =>
            new Promise<{ unsubscribe: () => void }>((resolve) => {
              const subscription = pool
                .extract$(
                  { ...large.job, directory: to },
                  stalling(large.blob, () => {
                    unsubscribed = true
                  })
                )
                .subscribe((event) => {
                  if (event._tag === "LayerProgress" && event.entries > 1) resolve(subscription)
                })
            })
        )
        started.unsubscribe()
        expect(unsubscribed).toBe(true)
        yield* pool.settled(to)
        expect(openBelow(to)).toEqual([])
        const before = readdirSync(to)
        yield* run(() => lastValueFrom(pool.extract$({ ...small.job, directory: directory() }, source(small.blob))))
        expect(readdirSync(to)).toEqual(before)
      })
    )
  )
})

describe("WorkerPool", () => {
  it.live("a worker that dies fails its layer, is replaced, and the pool goes on", () =>
    run(async () => {
      const pool = new WorkerPool(1)
      const job = { _tag: "Extract", ...small.job, limits: {} as never } as const
      const died = await new Promise((resolve) =>
        pool.take((worker) => {
          worker.start(job, { message: () => {}, died: resolve })
          void worker.end()
        })
      )
      expect(died).toMatchObject({ _tag: "WorkerDied", digest: small.job.digest })
      const next = await new Promise<{ isDead: boolean }>((resolve) => void pool.take(resolve))
      expect(next.isDead).toBe(false)
      await pool.close()
    })
  )

  it.live("a job that the worker does not know, being of another version, fails, and the worker goes on", () =>
    run(async () => {
      const pool = new WorkerPool(1)
      const told = await new Promise<{ _tag: string; reason?: unknown }>((resolve, reject) =>
        pool.take((worker) => {
          const job = { _tag: "Unpack", digest: small.job.digest } as never
          worker.start(job, { message: resolve, died: reject })
        })
      )
      expect(told._tag).toBe("Failed")
      expect(JSON.stringify(told.reason)).toContain("of another version than the library")
      const next = await new Promise<{ isDead: boolean }>((resolve) => void pool.take(resolve))
      expect(next.isDead).toBe(false)
      await pool.close()
    })
  )

  it.live("makes no more workers than are needed", () =>
    run(async () => {
      const pool = new WorkerPool(3)
      const taken: Array<object> = []
      for (let i = 0; i < 5; i++) pool.take((worker) => void taken.push(worker))
      expect(new Set(taken).size).toBe(3)
      await pool.close()
    })
  )
})

describe("entries$", () => {
  const allEntries = layerOf(
    tar()
      .directory("d/")
      .file("d/é", "text", { mtime: 1_700_000_000 })
      .symlink("d/link", "é")
      .sparse("holes", 300_000, [[100_000, Buffer.alloc(512, 1)]], "pax-1.0")
      .file("large", noise.subarray(0, 1_000_000))
      .file("empty", "")
      .end()
      .bytes()
  )

  it.live("gives each entry with its facts and its body, in order", () =>
    using((pool) =>
      run(async () => {
        const entries = await lastValueFrom(
          entries$(pool, allEntries.job, source(allEntries.blob)).pipe(
            concatMap(async (entry) => ({ entry, body: await entry.bytes() })),
            toArray()
          )
        )
        expect(entries.map(({ entry, body }) => [entry.type, entry.path, body.length])).toEqual([
          ["directory", "d/", 0],
          ["file", "d/é", 4],
          ["symlink", "d/link", 0],
          ["file", "holes", 300_000],
          ["file", "large", 1_000_000],
          ["file", "empty", 0]
        ])
        expect(entries[1]?.entry).toMatchObject({
          mtime: new Date(1_700_000_000_000),
          layer: allEntries.job.digest,
          rawPath: "d/\u00c3\u00a9"
        })
        expect(entries[2]?.entry.linkPath).toBe("é")
        const holes = Buffer.alloc(300_000)
        holes.fill(1, 100_000, 100_512)
        expect(holes.equals(entries[3]?.body ?? new Uint8Array(0))).toBe(true)
        expect(noise.subarray(0, 1_000_000).equals(entries[4]?.body ?? new Uint8Array(0))).toBe(true)
      })
    )
  )

  it.live("an entry comes though its attributes weigh more than may be under way at once", () =>
    using(
      (pool) =>
        run(async () => {
          const value = "v".repeat(3 * 2 ** 20)
          const archive = tar()
          for (const name of ["a", "b"]) archive.file(name, "", { xattrs: { "user.a": value } })
          const heavy = layerOf(archive.end().bytes())
          const entries = await lastValueFrom(entries$(pool, heavy.job, source(heavy.blob)).pipe(toArray()))
          expect(entries.map(({ xattrs }) => xattrs.get("user.a")?.length)).toEqual([value.length, value.length])
        }),
      { workers: 1, limits: { paxBytes: 2 ** 23 } }
    )
  )

  it.live("bodies that nobody asks for are passed over", () =>
    using((pool) =>
      run(async () => {
        const entries = await lastValueFrom(entries$(pool, large.job, source(large.blob)).pipe(toArray()))
        expect(entries.map(({ path }) => path)).toEqual(["first", "large", "small", "last"])
        const late = await entries[1]?.bytes().catch((error) => error)
        expect(late).toMatchObject({ _tag: "BodyGone", path: "large" })
      })
    )
  )

  it.live("taking one entry's text stops the worker and the source", () =>
    using((pool) =>
      run(async () => {
        let unsubscribed = false
        const text = await firstValueFrom(
          entries$(
            pool,
            small.job,
            stalling(Buffer.concat([small.blob, Buffer.alloc(small.blob.length)]), () => {
              unsubscribed = true
            })
          ).pipe(
            filter((entry) => entry.path === "etc/os-release"),
            concatMap((entry) => entry.text()),
            take(1)
          )
        )
        expect(text).toBe("ID=test\n")
        expect(unsubscribed).toBe(true)
        await lastValueFrom(entries$(pool, small.job, source(small.blob)))
      })
    )
  )

  it.live("the next entry waits until the body of the last one is over", () =>
    using((pool) =>
      run(async () => {
        let bodies = 0
        let overlapping = false
        await lastValueFrom(
          entries$(pool, large.job, source(large.blob)).pipe(
            tap((entry) => {
              if (bodies > 0) overlapping = true
              bodies++
              entry.body$.subscribe({ complete: () => bodies-- })
            })
          )
        )
        expect(overlapping).toBe(false)
      })
    )
  )

  it.live("unsubscribing in the middle of a body fails who waits for it, and stops the worker", () =>
    using((pool) =>
      run(async () => {
        const interrupted = (read: (entry: Entry) => Promise<unknown>) =>
          new Promise<unknown>((resolve) => {
            const subscription = entries$(pool, large.job, stalling(large.blob)).subscribe((entry) => {
              if (entry.path !== "large") return
              resolve(read(entry).catch((error) => error))
              setImmediate(() => subscription.unsubscribe())
            })
          })
        for (const read of [(entry: Entry) => entry.bytes(), (entry: Entry) => lastValueFrom(entry.body$)]) {
          const error = await interrupted(read)
          expect(error).toBeInstanceOf(DOMException)
          expect(error).toMatchObject({ name: "AbortError", message: "the entries were closed" })
        }
        await lastValueFrom(entries$(pool, small.job, source(small.blob)))
      })
    )
  )

  it.live("a body may be left in the middle", () =>
    using((pool) =>
      run(async () => {
        const first = await lastValueFrom(
          entries$(pool, large.job, source(large.blob)).pipe(
            concatMap((entry) => entry.body$.pipe(take(1))),
            toArray()
          )
        )
        expect(first).toHaveLength(4)
      })
    )
  )
})

describe("bodies that are larger than they look", () => {
  const GiB = 2 ** 30
  const sparse = (size: number, at = size - 512) =>
    layerOf(
      tar()
        .sparse("holes", size, [[at, Buffer.alloc(512, 1)]], "pax-1.0")
        .file("next", "2")
        .end()
        .bytes()
    )
  const vast = sparse(2 * GiB)

  it.live("a body of more bytes than may be held is refused before any of it is read", () =>
    using((pool) =>
      run(async () => {
        expect(vast.blob.length).toBeLessThan(400)
        for (const read of [(entry: Entry) => entry.text(), (entry: Entry) => entry.bytes()]) {
          const seen = await lastValueFrom(
            entries$(pool, vast.job, source(vast.blob)).pipe(
              concatMap((entry) => read(entry).catch((error) => error)),
              toArray()
            )
          )
          expect(seen[0]).toMatchObject({ _tag: "LimitExceeded", limit: "bodyBytes", maximum: 16 * 2 ** 20 })
          expect(seen[0].message).toMatch(/file "holes": more than 16777216 bytes/)
          expect(String(seen[1])).toBe("2")
        }
      })
    )
  )

  it.live("the limit itself is given, one byte more is not, with holes or without", () =>
    using(
      (pool) =>
        run(async () => {
          for (const [size, outcome] of [
            [4096, 4096],
            [4097, "LimitExceeded"]
          ] as const)
            for (const layer of [sparse(size, 512), layerOf(tar().file("f", Buffer.alloc(size)).end().bytes())]) {
              const first = await firstValueFrom(
                entries$(pool, layer.job, source(layer.blob), { limits: { bodyBytes: 4096 } }).pipe(
                  concatMap((entry) =>
                    entry.bytes().then(
                      (bytes) => bytes.length,
                      (error) => error._tag
                    )
                  )
                )
              )
              expect(first).toBe(outcome)
            }
        }),
      { workers: 1 }
    )
  )

  it.live("a hole comes in turns, between which the event loop has its own", () =>
    using((pool) =>
      run(async () => {
        let [bytes, largest, turn, turns] = [0, 0, 0, 0]
        let running = true
        const tick = () => {
          turn = 0
          turns += 1
          if (running) setImmediate(tick)
        }
        tick()
        await lastValueFrom(
          entries$(pool, vast.job, source(vast.blob)).pipe(
            concatMap((entry) => entry.body$),
            tap((piece) => {
              bytes += piece.length
              turn += piece.length
              largest = Math.max(largest, turn)
            })
          )
        )
        running = false
        expect(bytes).toBe(2 * GiB + 1)
        expect(largest).toBeLessThanOrEqual(3 * 2 ** 20)
        expect(turns).toBeGreaterThan(500)
      })
    )
  )

  it.live("who keeps the pieces of a hole keeps one piece of memory", () =>
    using((pool) =>
      run(async () => {
        const pieces = await lastValueFrom(
          entries$(pool, vast.job, source(vast.blob)).pipe(
            filter((entry) => entry.path === "holes"),
            concatMap((entry) => entry.body$),
            toArray()
          )
        )
        expect(pieces.reduce((sum, { length }) => sum + length, 0)).toBe(2 * GiB)
        expect(new Set(pieces.map(({ buffer }) => buffer)).size).toBe(2)
      })
    )
  )

  it.live("a map of ten thousand segments is put together in its order", () =>
    using((pool) =>
      run(async () => {
        const regions = Array.from({ length: 10_000 }, (_, i) => [i * 3, Buffer.of(1 + (i % 255))] as const)
        const layer = layerOf(tar().sparse("comb", 30_000, regions, "pax-1.0").end().bytes())
        const bytes = await firstValueFrom(
          entries$(pool, layer.job, source(layer.blob)).pipe(concatMap((entry) => entry.bytes()))
        )
        const expected = Buffer.alloc(30_000)
        for (const [at, byte] of regions) byte.copy(expected, at)
        expect(expected.equals(bytes)).toBe(true)
      })
    )
  )

  it.live("a body of a hole is read once, and when its entry comes", () =>
    using((pool) =>
      run(async () => {
        const entries = await lastValueFrom(entries$(pool, vast.job, source(vast.blob)).pipe(toArray()))
        const late = await lastValueFrom(entries[0]?.body$ ?? NEVER).catch((error) => error)
        expect(late).toMatchObject({ _tag: "BodyGone" })
      })
    )
  )

  const ordinary = layerOf(
    tar()
      .file("large", Buffer.alloc(40 * 2 ** 20))
      .file("next", "2")
      .end()
      .bytes()
  )
  for (const [name, layer, most] of [
    ["of an ordinary file", ordinary, 1],
    ["of a sparse file", sparse(64 * 2 ** 20), 1]
  ] as const)
    it.live(`an asynchronous reader that closes the gate has one piece at a time: ${name}`, () =>
      using((pool) =>
        run(async () => {
          const gate = new Gate()
          let [waiting, largest, bytes] = [0, 0, 0]
          await lastValueFrom(
            entries$(pool, layer.job, source(layer.blob), { gate }).pipe(
              concatMap((entry) => entry.body$),
              tap((piece) => {
                bytes += piece.length
                largest = Math.max(largest, ++waiting)
                gate.close()
              }),
              concatMap(async () => {
                await new Promise(setImmediate)
                waiting -= 1
                gate.open()
              })
            )
          )
          expect(bytes).toBe(layer === ordinary ? 40 * 2 ** 20 + 1 : 64 * 2 ** 20 + 1)
          expect(largest).toBe(most)
        })
      )
    )

  it.live("a closed gate stops entries of any number, and unsubscribing still ends the job", () =>
    using((pool) =>
      run(async () => {
        const archive = tar()
        for (let i = 0; i < 5000; i++) archive.file(`f${i}`, "x")
        const many = layerOf(archive.end().bytes())
        const gate = new Gate()
        const seen: Array<string> = []
        const subscription = entries$(pool, many.job, source(many.blob), { gate }).subscribe(({ path }) => {
          seen.push(path)
          if (seen.length % 1000 === 0) gate.close()
        })
        for (const expected of [1000, 2000]) {
          while (seen.length < expected) await new Promise(setImmediate)
          await new Promise((resolve) => setTimeout(resolve, 20))
          expect(seen).toHaveLength(expected)
          gate.open()
        }
        subscription.unsubscribe()
        await lastValueFrom(entries$(pool, small.job, source(small.blob)))
      })
    )
  )
})

describe("the layer's scope", () => {
  it.live("closing it ends every worker", () =>
    run(async () => {
      const to = directory()
      const failure = await Effect.runPromise(
        using((pool) =>
          Effect.sync(() =>
            lastValueFrom(pool.extract$({ ...large.job, directory: to }, stalling(large.blob))).catch((error) => error)
          )
        )
      )
      expect(await failure).toMatchObject({ _tag: "WorkerDied" })
      expect(openBelow(to)).toEqual([])
      expect(existsSync(to)).toBe(true)
    })
  )
})
