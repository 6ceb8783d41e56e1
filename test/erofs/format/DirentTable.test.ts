/** The names of an image's directories: as a map of maps would have them, and sorted by bytes. */
import fc from "fast-check"
import { expect, test } from "vitest"
import { DirentTable } from "../../../src/erofs/format/DirentTable.ts"

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

test("names are found in their own directory, and written in the order of their bytes", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 3 }), name), { maxLength: 400 }), (names) => {
      const table = new DirentTable()
      const known = [0, 1, 2, 3].map(() => new Map<string, number>())
      for (const directory of known.keys()) table.addDirectory(directory, 0)
      for (const [at, [directory, text]] of names.entries()) {
        expect(table.get(directory, text)).toBe(known[directory]?.get(text))
        if (known[directory]?.has(text)) continue
        known[directory]?.set(text, at + 4)
        table.add(directory, text, at + 4)
      }
      for (const [directory, all] of known.entries())
        for (const [text, ino] of all) expect(table.get(directory, text)).toBe(ino)
      for (const own of [".", "..", "", "n".repeat(256)]) expect(table.get(0, own)).toBeUndefined()
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
    { numRuns: Number(process.env["RUNS"] ?? 100) }
  )
})

test("a node number of more than 32 bits is written whole", () => {
  const table = new DirentTable()
  table.addDirectory(0, 0)
  table.add(0, "far", 1)
  table.seal(2)
  table.sort(0)
  const blocks = [...table.content(0, { nid: (ino) => 2 ** 36 + ino, fileType: () => 1 })]
  expect(readBack(blocks.map((block) => Buffer.from(block))).map(([, nid]) => nid)).toEqual([
    2 ** 36,
    2 ** 36,
    2 ** 36 + 1
  ])
})

test("names and directories are as many as there are, and the longest name is one of them", () => {
  const table = new DirentTable()
  const directories = 300
  for (let directory = 0; directory < directories; directory++) table.addDirectory(directory, 0)
  for (let at = 0; at < 30_000; at++) table.add(at % directories, `${at}`.padStart(255, "x"), at)
  for (let at = 0; at < 30_000; at += 7) {
    expect(table.get(at % directories, `${at}`.padStart(255, "x"))).toBe(at)
    expect(table.get((at + 1) % directories, `${at}`.padStart(255, "x"))).toBeUndefined()
  }
})
