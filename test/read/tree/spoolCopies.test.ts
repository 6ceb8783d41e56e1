/** What is copied of spools: everything, once, from the end, and what may be cut off behind it. */
import fc from "fast-check"
import { expect, test } from "vitest"
import { Plan } from "../../../src/read/tree/plan/Plan.ts"
import { planInodes } from "../../../src/read/tree/planInodes.ts"
import { LayerSpool } from "../../../src/read/tree/source/LayerSpool.ts"
import { copiesOf, type Pieces, piecesFromEnd } from "../../../src/read/tree/spoolCopies.ts"
import { file } from "../../support/entries.ts"
import { mergeInMemory } from "../../support/mergedTree.ts"
import { runs } from "../../support/runs.ts"

const most = { pieces: 16_384, bytes: 2 ** 26 }
const { signal } = new AbortController()

/** Of one layer whose files have these sizes. */
const piecesOf = async (sizes: ReadonlyArray<number>, sparse?: ReadonlyArray<readonly [number, number]>) => {
  const files = sizes.map((size, at) => file(`f${String(at).padStart(6, "0")}`, "", { size }))
  const holes = sparse?.map(([offset, length]) => ({ offset, length }))
  const more = holes === undefined ? [] : [file("holes", "", { size: 2 ** 33, sparse: holes })]
  const plan = new Plan(mergeInMemory([[...files, ...more]]), { only: undefined, strip: 0 })
  plan.tree.seal()
  const planned = await planInodes(plan, { identity: "", onXattrDropped: () => {}, signal })
  const rows = (plan.files().get(0) ?? new Uint32Array()).map((node) => plan.tree.inodeOf(node))
  const positions = [...rows].map((row) => planned.erofs.inodes.position(planned.inodes[row] ?? 0))
  return { positions, messages: [...piecesFromEnd(plan.tree.facts, rows, planned)] }
}

const triples = ({ ranges }: Pieces) =>
  Array.from({ length: ranges.length / 3 }, (_, at) => [...ranges.subarray(3 * at, 3 * at + 3)] as const)

/** Each message within its limits; all of them back to front are the spool from its beginning to its end. */
const inOrder = (messages: ReadonlyArray<Pieces>) => {
  let end = 0
  const all = []
  for (const message of messages.toReversed()) {
    const some = triples(message)
    expect(some.length).toBeLessThanOrEqual(most.pieces)
    expect(some.reduce((sum, [, length = 0]) => sum + length, 0)).toBeLessThanOrEqual(most.bytes)
    expect(message.from).toBe(some[0]?.[0])
    for (const [at = 0, length = 0, place = 0] of some) {
      expect(at).toBe(end)
      expect(length).toBeGreaterThan(0)
      end += length
      all.push({ length, place })
    }
  }
  return all
}

test("the bytes of each file go to where it is in the image, whatever their sizes", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.nat(10_000), fc.nat(3 * most.bytes)), { minLength: 1, maxLength: 40 }),
      async (sizes) => {
        const { positions, messages } = await piecesOf(sizes)
        const pieces = inOrder(messages)
        for (const [index, size] of sizes.filter((it) => it > 0).entries()) {
          let place = positions[index] ?? -1
          for (let left = size; left > 0; ) {
            const piece = pieces.shift()
            expect(piece?.place).toBe(place)
            place += piece?.length ?? 0
            left -= piece?.length ?? Number.POSITIVE_INFINITY
            expect(left).toBeGreaterThanOrEqual(0)
          }
        }
        expect(pieces).toEqual([])
      }
    ),
    { numRuns: runs(50) }
  ))

test("many small files take several messages", async () => {
  const { messages } = await piecesOf(Array.from({ length: 2 * most.pieces + 1 }, () => 1))
  expect(messages.map(({ ranges }) => ranges.length / 3)).toEqual([most.pieces, most.pieces, 1])
  expect(inOrder(messages)).toHaveLength(2 * most.pieces + 1)
})

test("of a sparse file only what is stored", async () => {
  const begin = most.bytes + 5
  const { positions, messages } = await piecesOf(
    [],
    [
      [4096, begin],
      [2 ** 32, 7]
    ]
  )
  const at = positions[0] ?? -1
  expect(inOrder(messages)).toEqual([
    { place: at + 4096, length: 12 },
    { place: at + 4096 + 12, length: most.bytes - 7 },
    { place: at + 2 ** 32, length: 7 }
  ])
})

test("a spool is cut off where all that is behind was copied, in whatever order the copies end", () =>
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { minLength: 1, maxLength: 12 }), fc.nat(11), (order, other) => {
      const spools = [new LayerSpool("a"), new LayerSpool("b")]
      const some = order.map((_, at): Pieces => ({ from: 10 * (order.length - 1 - at), ranges: new Float64Array() }))
      const copies = [...copiesOf(spools.map((spool) => [spool, some]))]
      expect(copies.map(({ spool }) => spool)).toEqual(spools.flatMap((spool) => some.map(() => spool)))
      const mine = copies.slice(0, order.length)
      // One of the other spool changes nothing.
      copies[order.length + (other % order.length)]?.over()
      const done = new Set<number>()
      let length = Number.POSITIVE_INFINITY
      for (const [, at] of order.map((key, at) => [key, at] as const).sort(([a], [b]) => a - b)) {
        done.add(at)
        const cut = mine[at]?.over()
        let whole = 0
        while (done.has(whole)) whole += 1
        const wanted = whole === 0 ? Number.POSITIVE_INFINITY : (some[whole - 1]?.from ?? 0)
        expect(cut ?? length).toBe(wanted)
        length = wanted
      }
      expect(length).toBe(0)
    })
  ))

test("a spool that is listed twice is not cut, since the other may want what one has copied", () => {
  const [twice, once] = [new LayerSpool("twice"), new LayerSpool("once")]
  const some: ReadonlyArray<Pieces> = [{ from: 0, ranges: new Float64Array() }]
  const copies = [...copiesOf([twice, once, twice].map((spool) => [spool, some]))]
  expect(copies.map(({ over }) => over())).toEqual([undefined, 0, undefined])
})
