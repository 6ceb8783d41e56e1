import { closeSync, mkdirSync, openSync, writeSync } from "node:fs"
import { defaultLimits } from "../../src/api/config.ts"
import { makeApplier } from "../../src/layer/apply/apply.ts"
import type { EntryHeader } from "../../src/layer/Entry.ts"
import type { Bench } from "../Bench.ts"
import type { Disk } from "../measure/Disk.ts"
import { micro, type Task } from "../measure/micro.ts"

export const question = "How many files a second go to disk, by size, against open, write and close alone?"

const classes = [
  { name: "empty files", size: 0, count: 2_000 },
  { name: "files of 1 KiB", size: 1024, count: 2_000 },
  { name: "files of 16 KiB", size: 16_384, count: 1_000 },
  { name: "files of 256 KiB", size: 262_144, count: 200 },
  { name: "files of 16 MiB", size: 2 ** 24, count: 4 }
]

const header = (path: string, size: number): EntryHeader => ({
  path,
  linkPath: "",
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size,
  mtime: { seconds: 1_700_000_000, nanos: 0 },
  devMajor: 0,
  devMinor: 0,
  xattrs: new Map()
})

const pieceBytes = 65_536
const bytes = Buffer.alloc(pieceBytes, "ociflow ")

const pieces = function* (size: number): Iterable<Uint8Array> {
  for (let left = size; left > 0; left -= pieceBytes) yield bytes.subarray(0, left)
}

/** 100 files to a directory, as layers have them. */
const pathOf = (index: number) => `d${Math.floor(index / 100)}/f${index}`

const applyAll = (directory: string, size: number, count: number): void => {
  mkdirSync(directory)
  const applier = makeApplier({ directory, digest: "sha256:bench", limits: defaultLimits, warn: () => {} })
  for (let i = 0; i < count; i++) {
    if (size <= pieceBytes) applier.entry(header(pathOf(i), size), bytes.subarray(0, size))
    else {
      applier.begin(header(pathOf(i), size))
      for (const piece of pieces(size)) applier.write(piece)
      applier.end()
    }
  }
  applier.finish()
  applier.close()
}

const writeAll = (directory: string, size: number, count: number): void => {
  for (let i = 0; i < count; i++) {
    if (i % 100 === 0) mkdirSync(`${directory}/d${i / 100}`, { recursive: true })
    const fd = openSync(`${directory}/${pathOf(i)}`, "wx", 0o644)
    for (const piece of pieces(size)) writeSync(fd, piece)
    closeSync(fd)
  }
}

const tasks = (disk: Disk): ReadonlyArray<Task> => {
  let directory = ""
  const before = async () => {
    if (directory !== "") await disk.remove(directory)
    directory = await disk.fresh()
  }
  return classes.flatMap(
    ({ name, size, count }): ReadonlyArray<Task> => [
      { what: `${name}, applied`, amount: count, unit: "/s", before, run: () => applyAll(directory, size, count) },
      {
        what: `${name}, open, write, close`,
        amount: count,
        unit: "/s",
        before,
        run: () => writeAll(directory, size, count)
      }
    ]
  )
}

export const run = async (bench: Bench) => micro(bench, tasks(await bench.disk()))
