/** All bytes of a body in one buffer, which grows as they come: it takes twice their number at most, whatever pieces they are. */
import { defer, last, map, type Observable, scan, startWith } from "rxjs"

const first = 4096

interface Grown {
  readonly buffer: Uint8Array
  readonly length: number
}

const add = ({ buffer, length }: Grown, piece: Uint8Array): Grown => {
  const needed = length + piece.length
  const room = needed <= buffer.length ? buffer : Buffer.alloc(Math.max(needed, 2 * buffer.length, first))
  if (room !== buffer) room.set(buffer.subarray(0, length))
  room.set(piece, length)
  return { buffer: room, length: needed }
}

/** Emits once, at the end. Bound the body before this operator. */
export const concatBytes = (source: Observable<Uint8Array>): Observable<Uint8Array> =>
  defer(() => {
    const nothing: Grown = { buffer: Buffer.alloc(0), length: 0 }
    return source.pipe(
      scan(add, nothing),
      startWith(nothing),
      last(),
      map(({ buffer, length }) => buffer.subarray(0, length))
    )
  })
