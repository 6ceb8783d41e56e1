/** The bodies of a layer's files in one file, and ranges of that file in another. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Effect from "effect/Effect"
import { lastValueFrom, NEVER, toArray } from "rxjs"
import { afterAll, describe, expect, test } from "vitest"
import { unpackHeaders } from "../../../src/layer/packHeaders.ts"
import { ExtractionPool } from "../../../src/layer/pool/ExtractionPool.ts"
import { digestOf, Prng, tar } from "../../../src/testing/index.ts"
import { rejection } from "../../support/rejection.ts"
import { gated } from "../readArchive.ts"

const root = mkdtempSync(join(tmpdir(), "ociflow-spools-"))
afterAll(() => rmSync(root, { recursive: true }))
let files = 0
const path = (bytes?: Uint8Array) => {
  const made = join(root, String(files++))
  if (bytes !== undefined) writeFileSync(made, bytes)
  return made
}

const using = <A>(body: (pool: ExtractionPool["Service"]) => Promise<A>): Promise<A> =>
  Effect.runPromise(
    ExtractionPool.use((pool) => Effect.promise(() => body(pool))).pipe(
      Effect.provide(ExtractionPool.layer({ workers: 1 }))
    )
  )

const prng = new Prng("spools")
const [large, last] = [prng.bytes(3 * 2 ** 20), prng.bytes(70_000)]
const archive = tar()
  .directory("d/")
  .file("d/first", "1")
  .file("empty", "")
  .symlink("link", "d/first")
  .file("large", large)
  .sparse(
    "holes",
    5_000_000,
    [
      [0, "begin"],
      [4_100_000, "end"]
    ],
    "pax-1.0"
  )
  .hardLink("again", "large")
  .file("last", last)
  .end()
  .bytes()
const blob = gzipSync(archive)
const job = {
  digest: digestOf(blob),
  diffId: digestOf(archive),
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  size: blob.length
}
const bodies = Buffer.concat([Buffer.from("1"), large, Buffer.from("begin"), Buffer.from("end"), last])

describe("headers$ with a spool", () => {
  test("has the bodies of all files there, back to back in the order of the archive, without holes", () =>
    using(async (pool) => {
      const spool = path(Buffer.from("what was there before is gone"))
      const headers = await lastValueFrom(
        pool.headers$({ ...job, spool }, (gate) => gated(blob, gate, [1000])).pipe(toArray())
      )
      expect(headers.flatMap((some) => [...unpackHeaders(some)])).toHaveLength(8)
      expect(Buffer.compare(readFileSync(spool), bodies)).toBe(0)
    }))

  test("is proven like any other: a wrong diffID, a file that cannot be made", () =>
    using(async (pool) => {
      const reading = (spool: string, diffId = job.diffId) =>
        rejection(lastValueFrom(pool.headers$({ ...job, spool, diffId }, (gate) => gated(blob, gate)).pipe(toArray())))
      expect(await reading(path(), digestOf(Buffer.from("another")))).toMatchObject({
        _tag: "DigestMismatch",
        subject: "diffID"
      })
      const nowhere = join(path(), "spool")
      const failed = { _tag: "FileSystemFailed", operation: "open", path: nowhere, code: "ENOENT" }
      expect(await reading(nowhere)).toMatchObject(failed)
    }))

  test("that is left is settled when the worker has closed the file", () =>
    using(async (pool) => {
      const spool = path()
      pool
        .headers$({ ...job, spool }, () => NEVER)
        .subscribe()
        .unsubscribe()
      await Effect.runPromise(pool.settled(spool))
      const open = readdirSync("/proc/self/fd").length
      await lastValueFrom(pool.headers$({ ...job, spool }, (gate) => gated(blob, gate)).pipe(toArray()))
      expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(open)
    }))
})

describe("copyRanges$", () => {
  const block = 4096
  const copy = (pool: ExtractionPool["Service"], from: string, into: string, ranges: ReadonlyArray<number>) =>
    lastValueFrom(pool.copyRanges$({ digest: job.digest, from, into, block, ranges: Float64Array.from(ranges) }))

  test("puts ranges of any length, in any order, to their blocks, and leaves what is between", () =>
    using(async (pool) => {
      const bytes = Buffer.from(prng.bytes(4 * 2 ** 20))
      const from = path(bytes)
      for (let round = 0; round < 30; round++) {
        const want = Buffer.alloc(8 * 2 ** 20, "x")
        const into = path(want)
        const ranges: Array<readonly [number, number, number]> = []
        for (let place = block * prng.below(4); ; ) {
          const length = 1 + prng.below(prng.below(4) === 0 ? 1_500_000 : 6000)
          const begin = prng.below(bytes.length - length)
          const end = Math.ceil((place + length) / block) * block
          if (end > want.length) break
          ranges.push([begin, length, place])
          bytes.copy(want, place, begin, begin + length)
          place = end + block * prng.below(3)
        }
        if (round % 2 === 0) ranges.sort(([a], [b]) => a - b)
        expect(await copy(pool, from, into, ranges.flat())).toMatchObject({ _tag: "Extracted" })
        const found = readFileSync(into)
        expect(found.length).toBe(want.length)
        for (const [, length, place] of ranges)
          expect(Buffer.compare(found.subarray(place, place + length), want.subarray(place, place + length))).toBe(0)
        // What a range leaves of its last block is nobody's.
        for (const [, length, place] of ranges)
          for (const buffer of [found, want])
            buffer.fill(0, place + length, Math.ceil((place + length) / block) * block)
        expect(Buffer.compare(found, want)).toBe(0)
      }
    }))

  test("fails with the file that is at fault: no spool, one that was cut, no image", () =>
    using(async (pool) => {
      const [spool, image] = [path(Buffer.alloc(100)), path(Buffer.alloc(block))]
      const failing = (from: string, into: string) => rejection(copy(pool, from, into, [0, 101, 0]))
      const failed = (operation: string, path: string, code: string) => ({
        _tag: "FileSystemFailed",
        operation,
        path,
        code
      })
      const [missing, gone] = [path(), path()]
      expect(await failing(missing, image)).toMatchObject(failed("open", missing, "ENOENT"))
      expect(await failing(spool, image)).toMatchObject(failed("read", spool, "EIO"))
      expect(await failing(spool, gone)).toMatchObject(failed("open", gone, "ENOENT"))
    }))
})
