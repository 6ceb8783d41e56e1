/** Names are found in their own directory, however many there are, the longest that a file system has among them. */
import { expect, test } from "vitest"
import { NameIndex } from "../../../src/erofs/columns/NameIndex.ts"

const nameOf = (at: number) => `${at}`.padStart(255, "x")

test("names and directories are as many as there are, and the longest name is one of them", () => {
  const index = new NameIndex()
  const directories = 300
  const rows = Array.from({ length: 30_000 }, (_, at) => index.add(at % directories, nameOf(at)))
  for (let at = 0; at < rows.length; at += 7) {
    expect(index.find(at % directories, nameOf(at))).toBe(rows[at])
    expect(index.find((at + 1) % directories, nameOf(at))).toBe(0)
  }
})

test("a name that was only appended is told, and not found", () => {
  const index = new NameIndex()
  const row = index.append(0, "a\0b")
  expect(index.find(0, "a\0b")).toBe(0)
  expect(index.nameOf(row)).toBe("a\0b")
  expect(index.includes(row, 0)).toBe(true)
  expect(index.includes(row, 0x63)).toBe(false)
})
