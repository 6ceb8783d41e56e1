/** The names of an image's directories: as a map of maps would have them, and sorted by bytes. */
import fc from "fast-check"
import { expect, test } from "vitest"
import { NameIndex } from "../../../src/erofs/columns/NameIndex.ts"
import { DirentTable } from "../../../src/erofs/format/DirentTable.ts"
import { runs } from "../../support/runs.ts"

/** Binary strings, many of which begin alike. */
const name = fc
  .tuple(fc.constantFrom("", "lib", "same-beginning-", "é", "~"), fc.uint8Array({ minLength: 1, maxLength: 40 }))
  .map(([prefix, bytes]) =>
    Buffer.from(prefix + Buffer.from(bytes).toString("latin1"), "latin1")
      .toString("latin1")
      .replace(/[\0/]/g, "_")
  )
  .filter((it) => it !== "." && it !== "..")

const targets = { nid: (ino: number) => ino * 3, fileType: (ino: number) => ino % 8 }

/** What stands in a directory's bytes, in their order. */
const readBack = (blocks: ReadonlyArray<Buffer>) =>
  blocks.flatMap((block) => {
    const count = block.readUInt16LE(8) / 12
    return Array.from({ length: count }, (_, at) => {
      const from = block.readUInt16LE(at * 12 + 8)
      const to = at + 1 < count ? block.readUInt16LE(at * 12 + 20) : block.length
      const text = block.toString("latin1", from, to)
      const nid = block.readUInt32LE(at * 12) + block.readUInt32LE(at * 12 + 4) * 2 ** 32
      return [at + 1 < count ? text : text.replace(/\0+$/, ""), nid, block[at * 12 + 10] ?? 0] as const
    })
  })

test("names are written in their own directory, in the order of their bytes", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 3 }), name), { maxLength: 400 }), (names) => {
      const index = new NameIndex()
      const table = new DirentTable(index)
      const known = [0, 1, 2, 3].map(() => new Map<string, number>())
      for (const directory of known.keys()) table.addDirectory(directory, 0)
      for (const [at, [directory, text]] of names.entries()) {
        if (known[directory]?.has(text)) continue
        known[directory]?.set(text, at + 4)
        table.add(directory, index.append(0, text), at + 4)
      }
      table.seal(names.length + 4)
      for (const [directory, all] of known.entries()) {
        const size = table.sort(directory)
        const blocks = [...table.content(directory, targets)].map((block) => Buffer.from(block))
        expect(blocks.reduce((sum, { length }) => sum + length, 0)).toBe(size)
        const expected = [...all, [".", directory] as const, ["..", 0] as const]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([text, ino]) => [text, ino * 3, ino % 8])
        expect(readBack(blocks)).toEqual(expected)
      }
    }),
    { numRuns: runs(100) }
  )
})

test("a node number of more than 32 bits is written whole", () => {
  const names = new NameIndex()
  const table = new DirentTable(names)
  table.addDirectory(0, 0)
  table.add(0, names.append(0, "far"), 1)
  table.seal(2)
  table.sort(0)
  const blocks = [...table.content(0, { nid: (ino) => 2 ** 36 + ino, fileType: () => 1 })]
  expect(readBack(blocks.map((block) => Buffer.from(block))).map(([, nid]) => nid)).toEqual([
    2 ** 36,
    2 ** 36,
    2 ** 36 + 1
  ])
})
