/** All bytes of a body in one buffer: it takes twice their number at most, whatever pieces they come in. */
import type { Observable } from "rxjs"
import { ByteQueue } from "./ByteQueue.ts"
import { transduce } from "./transduce.ts"

/** Emits once, at the end. Bound the body before this operator. */
export const concatBytes: (source: Observable<Uint8Array>) => Observable<Uint8Array> = transduce(() => {
  const queue = new ByteQueue()
  return {
    push: (piece: Uint8Array) => queue.push(piece),
    end: (next: (body: Uint8Array) => void) => {
      const body = Buffer.allocUnsafeSlow(queue.bytes)
      let length = 0
      for (const piece of queue.take()) {
        body.set(piece, length)
        length += piece.length
      }
      next(body)
    },
    close: () => queue.clear()
  }
})
