/**
 * Which bytes of the layers' spools go where in the disk image. A spool is copied from its end, some bytes at a time, and what was copied
 * is cut off. So the image takes the memory that held the spool, and no disk has to write both.
 */
import { type MergedTree, storedBytes } from "./merge/MergedTree.ts"
import type { PlannedInodes } from "./planInodes.ts"
import type { LayerSpool } from "./source/LayerSpool.ts"

export interface Pieces {
  /** Where they begin in the spool. What is copied after them has lower offsets. */
  readonly from: number
  /** Three numbers for each, as `copyRanges$` takes them. */
  readonly ranges: Float64Array
}

/** Pieces, and bytes, that are copied by one message. */
const atOnce = { pieces: 16_384, bytes: 2 ** 26 }

/** `rows`: the facts of the files of one layer, in the order of its archive. */
export const piecesFromEnd = function* (
  facts: MergedTree["facts"],
  rows: Uint32Array,
  { erofs, inodes }: PlannedInodes
): Generator<Pieces, undefined> {
  /** Filled from its end, so that the pieces are in the order of the spool. */
  const ranges = new Float64Array(3 * atOnce.pieces)
  let at = ranges.length
  let room = atOnce.bytes
  for (let last = rows.length - 1; last >= 0; last--) {
    const row = rows[last] ?? 0
    const position = erofs.inodes.position(inodes[row] ?? 0)
    const sparse = facts.sparse(row) ?? [{ offset: 0, length: facts.size(row) }]
    let end = facts.bodyAt(row) + storedBytes(facts.size(row), sparse)
    for (const { offset, length } of sparse.toReversed()) {
      for (let left = length; left > 0; ) {
        const taken = Math.min(left, room)
        left -= taken
        end -= taken
        room -= taken
        at -= 3
        ranges[at] = end
        ranges[at + 1] = taken
        ranges[at + 2] = position + offset + left
        if (at > 0 && room > 0) continue
        yield { from: end, ranges: ranges.slice(at) }
        at = ranges.length
        room = atOnce.bytes
      }
    }
  }
  if (at < ranges.length) yield { from: ranges[at] ?? 0, ranges: ranges.slice(at) }
}

export interface Copy {
  readonly spool: LayerSpool
  readonly pieces: Pieces
  /** It is done. The length that the spool may be cut to, if there is something to cut. */
  readonly over: () => number | undefined
}

/** One after the other; several may be under way. A spool that is listed twice is not cut: what one has copied, the other may still read. */
export const copiesOf = function* (
  all: ReadonlyArray<readonly [LayerSpool, Iterable<Pieces>]>
): Generator<Copy, undefined> {
  const spools = all.map(([spool]) => spool)
  for (const [spool, some] of all) {
    const isShared = spools.indexOf(spool) !== spools.lastIndexOf(spool)
    const begun: Array<{ readonly from: number; isOver: boolean }> = []
    for (const pieces of some) {
      const mine = { from: pieces.from, isOver: false }
      begun.push(mine)
      const over = () => {
        mine.isOver = true
        if (isShared) return undefined
        const open = begun.findIndex(({ isOver }) => !isOver)
        return begun.splice(0, open < 0 ? begun.length : open).at(-1)?.from
      }
      yield { spool, pieces, over }
    }
  }
}
