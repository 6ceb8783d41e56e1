/**
 * The hostile archives of the suite, read as a tree, as a file, as a directory, into one file, and into a bundle: each call ends in what it
 * asks for, or in a PullError with a reason about the archive; it leaves nothing in the store nor beside a bundle, changes nothing elsewhere,
 * and takes no more memory than its limits say.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { isReason, PullError } from "../../../src/api/errors.ts"
import type { Client } from "../../../src/client.ts"
import type { EntryHeader } from "../../../src/layer/Entry.ts"
import { ArchiveWriter } from "../../../src/layer/tar/ArchiveWriter.ts"
import { removeTree } from "../../../src/store/trees/removeTree.ts"
import { type Compression, image, malformedArchives, startRegistry, tar } from "../../../src/testing/index.ts"
import { readArchive } from "../../layer/readArchive.ts"
import { breakouts } from "../../support/breakouts.ts"
import { outline } from "../../support/diskTree.ts"
import { dir, type TestEntry } from "../../support/entries.ts"
import { open, temporaryRoot } from "../../support/open.ts"

interface Hostile {
  readonly name: string
  readonly bytes: Uint8Array
  readonly compression?: Compression
  /** A path in it. */
  readonly path?: string
  /** The reason that each of the calls ends in. */
  readonly refused?: string
}

const archiveOf = (entries: ReadonlyArray<TestEntry>): Uint8Array => {
  const writer = new ArchiveWriter()
  const chunks: Array<Uint8Array> = []
  const add = (bytes: Uint8Array) => chunks.push(Uint8Array.from(bytes))
  for (const { body, ...header } of entries)
    writer.push(body === undefined ? { _tag: "Entry", header } : { _tag: "Entry", header, body }, add)
  writer.end(add)
  return Buffer.concat(chunks)
}

const broken: ReadonlyArray<Hostile> = malformedArchives().map(({ name, bytes }) => ({ name, bytes, path: "a/b" }))

/** Nothing where an archive cannot hold them: a name with a NUL, a body of another size than the header's. */
const archiveIfAny = (entries: ReadonlyArray<TestEntry>): ReadonlyArray<Uint8Array> => {
  try {
    return [archiveOf(entries)]
  } catch (error) {
    if (isReason(error) && error._tag === "InvalidOption") return []
    throw error
  }
}

/** Whether a reader finds in the archive what was put into it: the format has no sockets, and fewer owners. */
const holds = async (bytes: Uint8Array, entries: ReadonlyArray<TestEntry>) => {
  const facts = ({ path, type, uid, gid }: EntryHeader) => [path, type, uid, gid]
  const read = (await readArchive(bytes)).entries.map(({ header }) => facts(header))
  return JSON.stringify(read) === JSON.stringify(entries.map(facts))
}

const isRoot = process.getuid?.() === 0

/** Where they want to go. */
const outside = join(tmpdir(), `ociflow-outside-${process.pid}`)
beforeAll(() => {
  mkdirSync(join(outside, "victim"), { recursive: true })
  writeFileSync(join(outside, "victim/hello"), "hello")
})
afterAll(() => rmSync(outside, { recursive: true, force: true }))

const leaving: Array<Hostile> = []
for (const { name, entries, refused } of breakouts) {
  const all = entries(outside)
  const path = Buffer.from(all.at(-1)?.path ?? "a", "latin1").toString()
  for (const bytes of archiveIfAny(all)) {
    const isRefused = refused !== undefined && (await holds(bytes, all))
    leaving.push({ name, bytes, path, ...(isRefused ? { refused: "UnsafeEntry" } : {}) })
  }
}

const archives = join(import.meta.dirname, "../../layer/archives")
const others: ReadonlyArray<Hostile> = readdirSync(archives)
  .filter((name) => name.endsWith(".tar"))
  .map((name) => ({ name, bytes: readFileSync(join(archives, name)) }))

/** Limits that are low, since what they bound is not made here. */
const limits = {
  inflateRatio: 100,
  layerBytes: 2 ** 28,
  entries: 20_000,
  treeBytes: 4 * 2 ** 20,
  paxBytes: 2 ** 16,
  pendingBytes: 2 ** 20
}
const count = (times: number, add: (archive: ReturnType<typeof tar>, at: number) => void) => {
  const archive = tar("ustar")
  for (let at = 0; at < times; at++) add(archive, at)
  return archive.end().bytes()
}
const swollen: ReadonlyArray<Hostile> = [
  { name: "zeros in gzip", bytes: Buffer.alloc(2 ** 26), compression: "gzip" as const, refused: "LimitExceeded" },
  {
    name: "a file of zeros in gzip",
    bytes: tar()
      .file("zeros", Buffer.alloc(2 ** 26))
      .end()
      .bytes(),
    compression: "gzip",
    path: "zeros",
    refused: "LimitExceeded"
  },
  {
    name: "more entries than a layer may have",
    bytes: count(20_001, (archive, at) => archive.file(`${at}`)),
    compression: "gzip",
    path: "1",
    refused: "LimitExceeded"
  },
  {
    name: "more names than a tree may have",
    bytes: count(15_000, (archive, at) => archive.file(`${at}-${"n".repeat(60)}`)),
    compression: "gzip",
    path: "1",
    refused: "LimitExceeded"
  },
  {
    name: "hard links that wait for what never comes",
    bytes: count(5_000, (archive, at) => archive.hardLink(`${at}`, "never")),
    path: "1"
  },
  {
    name: "records without end",
    bytes: tar()
      .extension("x", "x", Buffer.from("9".repeat(2 ** 17)))
      .file("a")
      .end()
      .bytes(),
    path: "a",
    refused: "LimitExceeded"
  },
  {
    name: "links that lead to each other, each twice",
    bytes: count(60, (archive, at) => archive.symlink(`l${at}`, `l${at + 1}/../l${at + 1}`)),
    path: "l0"
  },
  {
    name: "a directory for each component, as deep as a name allows",
    bytes: archiveOf(Array.from({ length: 120 }, (_, at) => dir("d/".repeat(at + 1)))),
    path: "d/".repeat(120)
  }
]

/** Reasons that speak of the archive, of the path in it, or of what may be asked. */
const permitted = new Set([
  "CorruptLayer",
  "UnsafeEntry",
  "UnsupportedEntry",
  "LimitExceeded",
  "NotInImage",
  "UnsuitablePath"
])

/** Bytes above those at the beginning: what the workers keep, the limits, and garbage that nobody has collected yet. */
const bound = 256 * 2 ** 20

const watchMemory = () => {
  const before = process.memoryUsage.rss()
  let most = 0
  const look = () => {
    most = Math.max(most, process.memoryUsage.rss() - before)
  }
  const timer = setInterval(look, 5)
  return () => {
    clearInterval(timer)
    look()
    return most
  }
}

const drained = async (chunks: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of chunks);
}

const calls = (oci: Client, reference: string, path: string): Readonly<Record<string, () => Promise<unknown>>> => ({
  tree$: () =>
    new Promise<void>((resolve, reject) =>
      oci.tree$(reference, {}, (entry) => entry.bytes()).subscribe({ error: reject, complete: () => resolve() })
    ),
  list: () => oci.list(reference),
  readFile: () => oci.readFile(reference, path)
})

const exports = (oci: Client, reference: string): Readonly<Record<string, () => Promise<unknown>>> => ({
  "export of a tar": () => drained(oci.export(reference)),
  "export of a disk image": () => drained(oci.export(reference, { format: "erofs" }))
})

/** Into a directory of its own, beside which nothing is left. Names that are too long for the system are its own to refuse. */
const bundle = (oci: Client, reference: string) => async () => {
  await using home = await temporaryRoot()
  const at = join(home.root, "bundle")
  const before = outline(outside)
  try {
    await oci.bundle(reference, at, { args: ["x"] })
    // An ordinary user's has the numbers of devices in a file.
    const made = readdirSync(at).filter((name) => isRoot || name !== "rootfs.stat")
    expect(made.toSorted()).toEqual(["config.json", "rootfs"])
  } catch (error) {
    expect(readdirSync(home.root)).toEqual([])
    if (!(error instanceof PullError) || !("code" in error.reason) || error.reason.code !== "ENAMETOOLONG") throw error
  } finally {
    expect(readdirSync(home.root).filter((name) => name !== "bundle")).toEqual([])
    await Effect.runPromise(Effect.ignore(removeTree(at)))
  }
  expect(outline(outside)).toEqual(before)
}

const suites: Readonly<Record<string, ReadonlyArray<Hostile>>> = {
  "broken archives": broken,
  "archives that want to leave their root": leaving,
  "archives of other suites": others,
  "archives that swell": swollen
}

test("nearly all of them are in an archive", () => {
  expect(leaving.length).toBeGreaterThan(breakouts.length * 0.9)
})

describe.each(Object.entries(suites))("%s", (_, suite) => {
  test("end in what is asked for, or in a reason", { timeout: 900_000 }, async () => {
    expect(suite.length).toBeGreaterThan(5)
    await using registry = await startRegistry()
    await using oci = await open({ limits, timeouts: { total: 120_000 } })
    const most = watchMemory()
    for (const [at, { name, bytes, compression = "none", path = "a", refused }] of suite.entries()) {
      registry.add(`bad:${at}`, await image({ layers: [bytes], compression }))
      const reference = registry.reference(`bad:${at}`)
      // Those of other suites are read by the same code as ours, and many of them are large.
      const all = {
        ...calls(oci, reference, path),
        ...(suite === others ? {} : { ...exports(oci, reference), bundle: bundle(oci, reference) })
      }
      for (const [call, run] of Object.entries(all)) {
        const error: unknown = await run().then(
          () => undefined,
          (error) => error
        )
        if (error === undefined) expect(refused, `${call} of ${name}`).toBeUndefined()
        else {
          expect(error, `${call} of ${name}`).toBeInstanceOf(PullError)
          const { _tag, message } = (error as PullError).reason
          if (refused === undefined) expect([...permitted], `${call} of ${name}: ${message}`).toContain(_tag)
          else expect(_tag, `${call} of ${name}: ${message}`).toBe(refused)
        }
      }
    }
    expect(most()).toBeLessThan(bound)
    const left = await readdir(join(oci.root, "layers/.staging"), { recursive: true })
    expect(left.filter((name) => name.includes("/"))).toEqual([])
  })
})
