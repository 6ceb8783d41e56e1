/** Spools of more layers than a process may have files open. */
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import type { BodyReader } from "../../../../src/layer/EntryCursor.ts"
import { implied } from "../../../../src/layer/metadata/ownership.ts"
import type { Leaf } from "../../../../src/read/tree/merge/MergedTree.ts"
import { LayerSpool } from "../../../../src/read/tree/source/LayerSpool.ts"

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

const openIn = (directory: string): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory)
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
  "of %i spools that are read in turn, %s at most are open",
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
