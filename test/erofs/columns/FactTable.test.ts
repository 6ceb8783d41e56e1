/** What a table of facts is given, it tells again, of each type of entry. */
import { expect, test } from "vitest"
import { FactTable } from "../../../src/erofs/columns/FactTable.ts"
import type { EntryHeader } from "../../../src/layer/Entry.ts"
import { implied } from "../../../src/layer/metadata/ownership.ts"

const facts = { ...implied, mode: 0o4751, uid: 2 ** 32 - 2, gid: 7, mtime: { seconds: -5, nanos: 999_999_999 } }
const all: ReadonlyArray<EntryHeader> = [
  { ...facts, type: "file", path: "a", size: 2 ** 40, xattrs: new Map([["user.a", Uint8Array.of(1)]]) },
  { ...facts, type: "file", path: "b", size: 9, sparse: [{ offset: 4, length: 5 }] },
  { ...facts, type: "directory", path: "c" },
  { ...facts, type: "symlink", path: "d", linkPath: "x".repeat(70_000) },
  { ...facts, type: "symlink", path: "e", linkPath: "../\xff" },
  { ...facts, type: "character-device", path: "f", devMajor: 4095, devMinor: 1_048_575 },
  { ...facts, type: "block-device", path: "g", devMajor: 8 },
  { ...facts, type: "fifo", path: "h" }
]

test("each entry is told as it was given, its name aside", () => {
  const table = new FactTable()
  const rows = all.map((header, at) => table.add(header, at * 10))
  for (const [at, { sparse, ...rest }] of all.entries()) {
    const row = rows[at] ?? -1
    expect(table.header(row, rest.path)).toEqual(rest)
    expect(table.sparse(row)).toEqual(sparse)
    expect(table.size(row)).toBe(rest.size)
    expect(table.bodyAt(row)).toBe(rest.type === "file" ? at * 10 : 0)
    expect(table.target(row)).toBe(rest.type === "symlink" ? rest.linkPath : undefined)
    expect(table.isDirectory(row)).toBe(rest.type === "directory")
  }
})

test("a directory that is described again has the attributes of the last entry alone", () => {
  const table = new FactTable()
  const first = { ...facts, xattrs: new Map([["user.a", Uint8Array.of(1)]]) }
  const row = table.add(first, 0)
  table.describe(row, implied)
  expect(table.header(row, implied.path)).toEqual(implied)
})
