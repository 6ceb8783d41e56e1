/** A table of names is what maps of names would be: for each directory one, in the order in which names came. */
import fc from "fast-check"
import { expect, test } from "vitest"
import { NameTable } from "../../../../../src/read/tree/merge/columns/NameTable.ts"
import { runs } from "../../../../support/runs.ts"

/** Few, so that they meet; some that no file system has room for. */
const names = ["a", "b", "ab", "", "\xff", "n".repeat(255), "n".repeat(256), `${"n".repeat(256)}x`]

test("names that come and go are found, and listed, as in maps", () => {
  const step = fc.tuple(fc.nat(), fc.nat({ max: names.length + 300 }), fc.boolean())
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const table = new NameTable()
      const directories = new Map([[0, new Map<string, number>()]])
      for (const [pick, which, isRemoved] of steps) {
        const directory = [...directories.keys()][pick % directories.size] ?? 0
        const name = names[which] ?? `name-${which}`
        const there = directories.get(directory)?.get(name)
        expect(table.find(directory, name)).toBe(there ?? 0)
        if (there === undefined) {
          const row = table.add(directory, name)
          directories.get(directory)?.set(name, row)
          directories.set(row, new Map())
        } else if (isRemoved) {
          table.remove(there)
          directories.get(directory)?.delete(name)
        }
      }
      for (const [directory, known] of directories) {
        const listed = Array.from(table.in(directory), (row) => [table.nameOf(row), row])
        expect(listed).toEqual([...known])
        for (const [name, row] of known) {
          expect(table.find(directory, name)).toBe(row)
          expect(table.parentOf(row)).toBe(directory)
        }
        const sorted = [...known.values()].sort((a, b) => table.compare(a, b)).map((row) => table.nameOf(row))
        expect(sorted).toEqual([...known.keys()].sort((a, b) => (a < b ? -1 : 1)))
      }
    }),
    { numRuns: runs(200) }
  )
})
