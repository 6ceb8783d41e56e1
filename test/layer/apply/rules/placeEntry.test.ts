/** The bounds of an entry's fields, at each and one past it, in a tree in memory: the rules are those of a directory. */
import { describe, expect, test } from "vitest"
import type { EntryHeader } from "../../../../src/layer/Entry.ts"
import { device, dir, fifo, file, symlink, type TestEntry, thrown } from "../../../support/entries.ts"
import { mergeInMemory } from "../../../support/mergedTree.ts"

/** What a layer is refused with. */
const problemOf = (...entries: ReadonlyArray<TestEntry>): string | undefined => {
  const error = thrown(() => mergeInMemory([entries]))
  return error === undefined ? undefined : String((error as Error).message)
}

describe("an entry", () => {
  test("has an owner and a group that Linux can tell: 2^32 - 1 stands for none", () => {
    const most = 2 ** 32 - 2
    expect(problemOf(file("f", "", { uid: most, gid: most }), file("g", "", { uid: 0, gid: 0 }))).toBeUndefined()
    for (const id of [most + 1, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      for (const owner of [{ uid: id }, { gid: id }])
        expect(problemOf(file("f", "", owner))).toMatch(/owner .* is out of range/)
  })

  test("that is a device has numbers of 12 and 20 bits; of a FIFO they mean nothing", () => {
    expect(problemOf(device("a", 4095, 2 ** 20 - 1), device("b", 0, 0))).toBeUndefined()
    for (const [major, minor] of [
      [4096, 0],
      [0, 2 ** 20],
      [-1, 0],
      [0, -1],
      [0.5, 0],
      [0, 0.5]
    ] as const)
      expect(problemOf(device("d", major, minor))).toMatch(/device .* is out of range/)
    expect(problemOf(fifo("p", { devMajor: 4096, devMinor: -1 }))).toBeUndefined()
  })

  test("that is the root is a directory", () => {
    expect(problemOf(dir("./"))).toBeUndefined()
    expect(problemOf(file("./"))).toMatch(/only a directory can be the root/)
  })
})

describe("the map of a sparse file", () => {
  const size = 100
  const problem = (...sparse: NonNullable<EntryHeader["sparse"]>) => problemOf(file("f", "", { size, sparse }))

  test("may touch the file's ends, and its own segments each other", () => {
    expect(problem()).toBeUndefined()
    expect(problem({ offset: 0, length: 40 }, { offset: 40, length: 60 }, { offset: 100, length: 0 })).toBeUndefined()
  })

  test.each<[string, ...NonNullable<EntryHeader["sparse"]>]>([
    ["is out of order", { offset: 50, length: 1 }, { offset: 10, length: 1 }],
    ["overlaps", { offset: 0, length: 11 }, { offset: 10, length: 1 }],
    ["goes past the end", { offset: 99, length: 2 }],
    ["begins past the end", { offset: 101, length: 0 }],
    ["begins before the file", { offset: -1, length: 2 }],
    ["has a negative length", { offset: 5, length: -1 }],
    ["begins at a fraction", { offset: 0.5, length: 1 }],
    ["has the length of a fraction", { offset: 0, length: 0.5 }],
    ["has no number", { offset: 0, length: Number.NaN }],
    ["has a number that is not exact", { offset: 0, length: 2 ** 53 }]
  ])("is invalid where it %s", (_, ...sparse) => expect(problem(...sparse)).toMatch(/its sparse map is invalid/))
})

describe("the links that lead to an entry", () => {
  const chain = (links: number) =>
    Array.from({ length: links }, (_, at) => symlink(`l${at}`, at + 1 === links ? "d" : `l${at + 1}`))

  test("are 40 at most, as many as Linux follows", () => {
    expect(problemOf(dir("d"), ...chain(40), file("l0/f"))).toBeUndefined()
    expect(problemOf(dir("d"), ...chain(41), file("l0/f"))).toMatch(/more than 40 symbolic links/)
    // Those that led to another entry do not count.
    expect(problemOf(dir("d"), ...chain(40), file("l0/f"), file("x"), file("l0/g"))).toBeUndefined()
  })

  test("have 2048 components at most, over all their targets", () => {
    expect(problemOf(symlink("l", `${"./".repeat(2047)}.`), file("l/f"))).toBeUndefined()
    expect(problemOf(symlink("l", "./".repeat(2048)), file("l/f"))).toMatch(/the links that lead to it are too long/)
    expect(problemOf(symlink("a", "b/."), symlink("b", "./".repeat(2046)), file("a/f"))).toMatch(/it are too long/)
    expect(problemOf(symlink("a", "b/."), symlink("b", "./".repeat(2045)), file("a/f"))).toBeUndefined()
  })

  test("of a layer have 2^20 components at most, and 32 for each of its entries", () => {
    const most = 2048
    /** Each in another directory than the one before, so that its links are followed anew. */
    const pairs = (count: number) =>
      Array.from({ length: count }, (_, at) => [file(`l/f${at}`), file(`x${at}`)])
        .flat()
        .slice(0, -1)
    const link = symlink("l", `${"./".repeat(most - 1)}.`)
    // `count` files behind the link, in 2 · `count` entries.
    const fits = Math.floor(2 ** 20 / (most - 2 * 32))
    expect(problemOf(link, ...pairs(fits))).toBeUndefined()
    expect(problemOf(link, ...pairs(fits + 1))).toMatch(/the links that lead to the entries of this layer are too long/)
  })
})
