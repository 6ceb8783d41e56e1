/** A large layer is decompressed by a second worker where cores are free, and nobody can tell by anything but the time. */
import { randomBytes } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Effect from "effect/Effect"
import { lastValueFrom, Observable, toArray } from "rxjs"
import { afterAll, afterEach, beforeEach, describe, expect, vi } from "vitest"
import { isReason } from "../../../src/api/errors.ts"
import { ExtractionPool, type LayerJob, type Source } from "../../../src/layer/pool/ExtractionPool.ts"
import type { ExtractionWorker } from "../../../src/layer/pool/ExtractionWorker.ts"
import { decodedElsewhere } from "../../../src/layer/pool/runJob.ts"
import { WorkerPool } from "../../../src/layer/pool/WorkerPool.ts"
import { digestOf, tar, zstdFrame } from "../../../src/testing/index.ts"
import { outline } from "../../support/diskTree.ts"
import { it } from "../../support/effect.ts"
import { gated } from "../readArchive.ts"

const root = mkdtempSync(join(tmpdir(), "ociflow-decoding-"))
afterAll(() => rmSync(root, { recursive: true }))
const directory = () => mkdtempSync(join(root, "layer-"))

const noise = randomBytes(decodedElsewhere)
const archive = tar()
  .file("first", "1")
  .file("noise", noise)
  .file("zeros", Buffer.alloc(2 ** 24))
  .file("last", "2")
const plain = Buffer.from(archive.end().bytes())
const gzip = gzipSync(plain, { level: 1 })
const frames: Array<Uint8Array> = []
for await (const frame of zstdFrame([plain])) frames.push(frame)
const zstd = Buffer.concat(frames)

/** Whether there is a second worker is decided before the first byte comes. */
const start = gzip.subarray(0, 1000)

const jobOf = (blob: Uint8Array, to: string, more: Partial<LayerJob> = {}): LayerJob => ({
  digest: digestOf(blob),
  diffId: digestOf(plain),
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  size: blob.length,
  directory: to,
  ...more
})

const source =
  (bytes: Uint8Array, size = 65_536): Source =>
  (gate) =>
    gated(bytes, gate, [size])

const using = (workers: number, body: (pool: ExtractionPool["Service"]) => Promise<void>) =>
  ExtractionPool.use((pool) => Effect.promise(() => body(pool))).pipe(Effect.provide(ExtractionPool.layer({ workers })))

/** The spare workers that were taken. */
let spares: Array<ExtractionWorker>
beforeEach(() => {
  spares = []
  const { takeSpare } = WorkerPool.prototype
  vi.spyOn(WorkerPool.prototype, "takeSpare").mockImplementation(function (this: WorkerPool) {
    const spare = takeSpare.call(this)
    if (spare !== undefined) spares.push(spare)
    return spare
  })
})
afterEach(() => {
  vi.restoreAllMocks()
})

const extracted = async (pool: ExtractionPool["Service"], job: LayerJob, from: Source) =>
  (await lastValueFrom(pool.extract$(job, from).pipe(toArray()))).at(-1)

const problem = (pool: ExtractionPool["Service"], job: LayerJob, from: Source) =>
  extracted(pool, job, from).then(
    () => "none",
    (error: unknown) => (isReason(error) ? error._tag : String(error))
  )

describe("with cores to spare", () => {
  for (const [name, blob] of [
    ["gzip", gzip],
    ["zstd", zstd]
  ] as const)
    it.live(`a layer in ${name} gives the same tree, fingerprint and counts`, () =>
      using(3, async (pool) => {
        const [alone, together] = [directory(), directory()]
        const mediaType = `application/vnd.oci.image.layer.v1.tar+${name}`
        const small = { size: blob.length, mediaType }
        const first = await extracted(pool, jobOf(blob, together, small), source(blob, 100_003))
        expect(spares).toHaveLength(1)
        expect(first).toMatchObject({ _tag: "Extracted", inflated: plain.length, entries: 4 })
        expect(readFileSync(join(together, "noise")).equals(noise)).toBe(true)
        vi.spyOn(WorkerPool.prototype, "takeSpare").mockReturnValue(undefined)
        await extracted(pool, jobOf(blob, alone, small), source(blob))
        expect(outline(together)).toEqual(outline(alone))
      })
    )

  it.live(
    "what is wrong with a layer is told as without",
    () =>
      Effect.promise(async () => {
        const broken = Buffer.from(gzip)
        broken.fill(0, gzip.length >> 1, (gzip.length >> 1) + 4096)
        const cut = gzip.subarray(0, gzip.length - 1000)
        const told = async (blob: Uint8Array, more: Partial<LayerJob> = {}) => {
          let tag = ""
          const telling = using(3, async (pool) => {
            tag = await problem(pool, jobOf(blob, directory(), more), source(blob))
          })
          await Effect.runPromise(telling)
          return tag
        }
        expect(await told(broken)).toMatch(/CorruptLayer|DigestMismatch/)
        expect(await told(broken, { digest: digestOf(gzip) })).toBe("DigestMismatch")
        expect(await told(cut)).toBe("CorruptLayer")
        expect(await told(cut, { digest: digestOf(gzip), size: gzip.length })).toBe("SizeMismatch")
        expect(await told(gzip, { diffId: digestOf(noise) })).toBe("DigestMismatch")
        expect(await told(gzip)).toBe("none")
        expect(spares).toHaveLength(6)
      }),
    60_000
  )

  it.live("a plain archive under the type of a compressed one needs no second worker, and has none for long", () =>
    using(3, async (pool) => {
      const to = directory()
      expect(await extracted(pool, jobOf(plain, to), source(plain))).toMatchObject({ inflated: plain.length })
      expect(spares).toHaveLength(1)
      await expect.poll(() => spares[0]?.running).toBeUndefined()
    })
  )

  it.live("who unsubscribes half-way frees both workers", () =>
    using(3, async (pool) => {
      const to = directory()
      const half = gzip.subarray(0, gzip.length >> 1)
      await new Promise<void>((resolve) => {
        const stalled: Source = (gate) =>
          new Observable((bytes) => gated(half, gate, [65_536]).subscribe((chunk) => bytes.next(chunk)))
        const running = pool.extract$(jobOf(gzip, to), stalled).subscribe((event) => {
          if (event._tag !== "LayerProgress" || event.inflated < 2 ** 20) return
          running.unsubscribe()
          resolve()
        })
      })
      await Effect.runPromise(pool.settled(to))
      await expect.poll(() => spares[0]?.running).toBeUndefined()
      expect(await problem(pool, jobOf(gzip, directory()), source(gzip))).toBe("none")
    })
  )

  it.live("a second worker that dies ends the layer, and the first one is free again", () =>
    using(3, async (pool) => {
      const failed = problem(pool, jobOf(gzip, directory()), source(gzip))
      await expect.poll(() => spares[0]).toBeDefined()
      void spares[0]?.end()
      expect(await failed).toBe("WorkerDied")
      expect(await problem(pool, jobOf(gzip, directory()), source(gzip))).toBe("none")
    })
  )
})

describe("no second worker", () => {
  const cases: ReadonlyArray<readonly [string, number, number, Partial<LayerJob>]> = [
    ["where the event loop and the layer have all cores", 2, 0, {}],
    ["while layers are to come that will want the cores", 4, 3, {}],
    ["for an archive that its media type calls plain", 4, 0, { mediaType: "application/vnd.oci.image.layer.v1.tar" }]
  ]
  for (const [name, workers, layers, more] of cases)
    it.live(name, () =>
      using(workers, async (pool) => {
        const expecting = Effect.scoped(
          Effect.gen(function* () {
            yield* pool.expect(layers)
            yield* Effect.promise(() => problem(pool, jobOf(gzip, directory(), more), source(start)))
          })
        )
        await Effect.runPromise(expecting)
        expect(spares).toEqual([])
      })
    )

  it.live("layers that are over, or will not come, count no more", () =>
    using(4, async (pool) => {
      const expecting = Effect.scoped(
        Effect.gen(function* () {
          const over = yield* pool.expect(3)
          yield* over
          yield* Effect.promise(() => problem(pool, jobOf(gzip, directory()), source(start)))
        })
      )
      await Effect.runPromise(expecting)
      await expect.poll(() => spares[0]?.running).toBeUndefined()
      await Effect.runPromise(expecting)
      expect(spares).toHaveLength(2)
    })
  )
})
