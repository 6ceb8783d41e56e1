/** A body as its reader gets it: the stored segments, and the holes between them. */
import type { EntryHeader } from "../Entry.ts"

/** Bytes of a hole that come at once. */
const holeBytes = 2 ** 20

/** Holes are views of one piece of memory, which is this body's: a hole of gigabytes is as cheap to hold as to store. */
export class SparseBody {
  readonly #segments: NonNullable<EntryHeader["sparse"]> | undefined
  readonly #size: number
  #zeros: Uint8Array | undefined
  #segment = 0
  #position = 0

  constructor({ sparse, size }: Pick<EntryHeader, "sparse" | "size">) {
    this.#segments = sparse
    this.#size = size
  }

  /** What stands before these stored bytes and has not come yet, and they. */
  *of(chunk: Uint8Array): Generator<Uint8Array, void> {
    if (this.#segments === undefined) return yield chunk
    for (let rest = chunk; rest.length > 0; ) {
      const segment = this.#segments[this.#segment]
      if (segment === undefined) return
      yield* this.#hole(segment.offset)
      const left = segment.offset + segment.length - this.#position
      const piece = rest.subarray(0, left)
      rest = rest.subarray(piece.length)
      this.#position += piece.length
      if (piece.length === left) this.#segment += 1
      yield piece
    }
  }

  /** All of a body that came at once. */
  *all(body: Uint8Array | undefined): Generator<Uint8Array, void> {
    if (body !== undefined) yield* this.of(body)
    yield* this.end()
  }

  /** The hole at the end. */
  *end(): Generator<Uint8Array, void> {
    if (this.#segments !== undefined) yield* this.#hole(this.#size)
  }

  *#hole(until: number): Generator<Uint8Array, void> {
    if (this.#position < until) this.#zeros ??= new Uint8Array(Math.min(holeBytes, this.#size))
    while (this.#position < until) {
      const piece = this.#zeros?.subarray(0, until - this.#position) ?? new Uint8Array(0)
      this.#position += piece.length
      yield piece
    }
  }
}
