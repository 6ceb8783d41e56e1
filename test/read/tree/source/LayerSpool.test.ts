/** The bodies of a spool, and spools of more layers than a process may have files open. */
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { expect, test } from "vitest"
import type { BodyReader } from "../../../../src/layer/EntryCursor.ts"
import { implied } from "../../../../src/layer/metadata/ownership.ts"
import type { Leaf } from "../../../../src/read/tree/merge/MergedTree.ts"
import { LayerSpool } from "../../../../src/read/tree/source/LayerSpool.ts"
import { Prng } from "../../../../src/testing/index.ts"
import { rejection } from "../../../support/rejection.ts"

/** Files that are open at once, of all images of a process. */
const mostOpen = 32
const size = 40_000

const leafOf = (bytes: number): Leaf => ({
  facts: { ...implied, type: "file", size: bytes },
  layer: 0,
  ordinal: 0,
  bodyAt: 0,
  sparse: undefined
})
const leaf = leafOf(size)

const all = async (body: BodyReader): Promise<Buffer> => {
  const pieces: Array<Uint8Array> = []
  for (let piece = await body.read(); piece !== undefined; piece = await body.read()) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Files in a directory, or one file. */
const openIn = (directory: string): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return `${readlinkSync(`/proc/self/fd/${fd}`)}/`.startsWith(directory)
    } catch {
      return false
    }
  }).length

/** As many spools as `count`, each of another byte. */
const withSpools = async (
  count: number,
  use: (spools: ReadonlyArray<LayerSpool>, directory: string) => Promise<void>
) => {
  const directory = mkdtempSync(join(tmpdir(), "ociflow-spool-"))
  const spools = Array.from({ length: count }, (_, at) => {
    const path = join(directory, String(at))
    writeFileSync(path, Buffer.alloc(size, at))
    return new LayerSpool(path)
  })
  try {
    await use(spools, directory)
    for (const spool of spools) await spool.close()
    expect(readdirSync(directory)).toEqual([])
    expect(openIn(directory)).toBe(0)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test.runIf(process.platform === "linux").each([mostOpen - 1, mostOpen, mostOpen + 1, 500])(
  `of %i spools that are read in turn, ${mostOpen} at most are open`,
  (count) =>
    withSpools(count, async (spools, directory) => {
      for (const [at, spool] of spools.entries()) {
        expect(Buffer.compare(await all(spool.body(leaf)), Buffer.alloc(size, at))).toBe(0)
        // One that gave way is closed in a turn of its own.
        expect(openIn(directory)).toBeLessThanOrEqual(mostOpen + 1)
      }
      await new Promise(setImmediate)
      expect(openIn(directory)).toBeLessThanOrEqual(Math.min(count, mostOpen) + 1)
    })
)

test.runIf(process.platform === "linux")("of spools that are open, the one that was read longest ago gives way", () =>
  withSpools(mostOpen + 1, async (spools, directory) => {
    const isOpen = (at: number) => openIn(`${directory}/${at}/`) > 0
    const first = leafOf(10)
    writeFileSync(join(directory, "0"), Buffer.alloc(2 ** 20))
    for (const spool of spools.slice(0, mostOpen)) await spool.body(first).read()
    // Bytes that are not known yet.
    await spools[0]?.body({ ...first, bodyAt: 2 ** 20 - 10 }).read()
    await spools[mostOpen]?.body(first).read()
    await expect.poll(() => [0, 1, mostOpen].map(isOpen)).toEqual([true, false, true])
  })
)

test("a body that is read piece by piece between those of many others is whole", () =>
  withSpools(100, async (spools, directory) => {
    const whole = Buffer.alloc(1_000_000, "long")
    const path = join(directory, "long")
    writeFileSync(path, whole)
    const long = new LayerSpool(path)
    const body = long.body(leafOf(whole.length))
    const pieces: Array<Uint8Array> = []
    for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
      pieces.push(piece)
      for (const spool of spools) await spool.body(leaf).read()
    }
    expect(Buffer.compare(Buffer.concat(pieces), whole)).toBe(0)
    expect(pieces.length).toBeGreaterThan(1)
    await long.close()
  }))

test("bodies of many spools are read at the same time", () =>
  withSpools(100, async (spools) => {
    const read = await Promise.all(spools.map((spool) => all(spool.body(leaf))))
    for (const [at, bytes] of read.entries()) expect(Buffer.compare(bytes, Buffer.alloc(size, at))).toBe(0)
  }))

const bytes = new Prng("spool").bytes(1_000_000)

/** A spool with `bytes`. */
const withSpool = (use: (spool: LayerSpool, path: string) => Promise<void>) =>
  withSpools(0, async (_, directory) => {
    const path = join(directory, "spool")
    writeFileSync(path, bytes)
    const spool = new LayerSpool(path)
    await use(spool, path)
    await spool.close()
  })

const part = (bodyAt: number, length: number): Leaf => ({ ...leafOf(length), bodyAt })

test("a body has its own bytes, whichever were read before", () =>
  withSpool((spool) =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length), fc.oneof(fc.nat(300), fc.nat(300_000)), fc.boolean()), {
          minLength: 1,
          maxLength: 12
        }),
        async (parts) => {
          for (const [at, most, isLeft] of parts) {
            const length = Math.min(most, bytes.length - at)
            const body = spool.body(part(at, length))
            if (isLeft) {
              const first = await body.read()
              expect(bytes.subarray(at, at + (first?.length ?? 0)).equals(first ?? Buffer.alloc(0))).toBe(true)
              body.leave()
              expect(await body.read()).toBeUndefined()
            } else expect((await all(body)).equals(bytes.subarray(at, at + length))).toBe(true)
          }
        }
      )
    )
  ))

test("the holes of a sparse file are read as zeros, and take nothing of the spool", () =>
  withSpool(async (spool) => {
    const sparse = [
      { offset: 100_000, length: 50_000 },
      { offset: 300_000, length: 20_000 }
    ]
    const wanted = Buffer.alloc(400_000)
    bytes.copy(wanted, 100_000, 7, 50_007)
    bytes.copy(wanted, 300_000, 50_007, 70_007)
    expect((await all(spool.body({ ...part(7, 400_000), sparse }))).equals(wanted)).toBe(true)
  }))

test("a spool only becomes shorter, in whatever order it is told to", () =>
  withSpool(async (spool, path) => {
    await Promise.all([700, 500, 600].map((length) => spool.shorten(length)))
    expect(readFileSync(path)).toHaveLength(500)
    await spool.shorten(800)
    expect(readFileSync(path).equals(bytes.subarray(0, 500))).toBe(true)
  }))

test("a spool that lacks bytes is a failed read, and so is a link in its place", () =>
  withSpool(async (spool, path) => {
    truncateSync(path, 500)
    const failed = { _tag: "FileSystemFailed", operation: "read", path }
    expect(await rejection(all(spool.body(part(0, 501))))).toMatchObject({ ...failed, code: "EIO" })
    expect((await all(spool.body(part(0, 500)))).equals(bytes.subarray(0, 500))).toBe(true)
    const other = `${path}-link`
    symlinkSync(path, other)
    const link = new LayerSpool(other)
    expect(await rejection(all(link.body(part(0, 1))))).toMatchObject({ ...failed, path: other, code: "ELOOP" })
    await link.close()
  }))

test("a file that could not be opened is opened by the next read", () =>
  withSpool(async (spool, path) => {
    const late = new LayerSpool(`${path}-late`)
    expect(await rejection(all(late.body(part(0, 10))))).toMatchObject({ code: "ENOENT" })
    writeFileSync(late.path, bytes)
    expect((await all(late.body(part(5, 10)))).equals(bytes.subarray(5, 15))).toBe(true)
    await late.close()
    expect((await all(spool.body(part(0, 1)))).length).toBe(1)
  }))

test("a spool that is closed is not read any more, also where the bytes are known", () =>
  withSpool(async (spool) => {
    const body = spool.body(part(0, 10_000_000))
    await body.read()
    await spool.close()
    expect(await rejection(all(body))).toMatchObject({ name: "AbortError" })
    expect(await rejection(all(spool.body(part(0, 1))))).toMatchObject({ name: "AbortError" })
  }))
