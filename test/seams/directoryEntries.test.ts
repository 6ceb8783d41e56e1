import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { beforeEach, expect, test } from "vitest"
import { entriesIn, readEntries, within } from "../../src/seams/directoryEntries.ts"

const names = ["plain", "no utf-8: \xff", "two\nlines", "\xc3\xa9"]
let path: Buffer

beforeEach(async () => {
  path = Buffer.from(await mkdtemp(join(tmpdir(), "entries-")))
  for (const name of names) writeFileSync(within(path, Buffer.from(name, "latin1")), "")
  mkdirSync(within(path, Buffer.from("directory \xfe", "latin1")))
  symlinkSync(".", within(path, Buffer.from("link")))
})

const told = [
  ["\xc3\xa9", "file"],
  ["directory \xfe", "directory"],
  ["link", "other"],
  ["no utf-8: \xff", "file"],
  ["plain", "file"],
  ["two\nlines", "file"]
]

test.for([
  ["readEntries", readEntries],
  ["entriesIn", (directory: Buffer) => Promise.resolve([...entriesIn(directory)])]
] as const)("%s: names as bytes, and what each is; a link is not a directory", async ([, read]) => {
  const kinds = (await read(path)).map((entry) => [
    entry.name.toString("latin1"),
    entry.isDirectory() ? "directory" : entry.isFile() ? "file" : "other"
  ])
  expect(kinds.sort()).toEqual([...told].sort())
})

test("who leaves off in the middle leaves no descriptor open", () => {
  const open = () => readdirSync("/proc/self/fd").length
  const before = open()
  for (const { name } of entriesIn(path)) if (name.length > 0) break
  expect(open()).toBe(before)
})
