/** Entries → an archive's bytes, the inverse of `ArchiveReader`. Holes of sparse files are written as zeros. */
import { counted } from "../../api/counted.ts"
import { InvalidOption } from "../../api/errors.ts"
import type { Machine } from "../../reactive/transduce.ts"
import type { EntryHeader } from "../Entry.ts"
import type { Part } from "./ArchiveReader.ts"
import { encodeEntry, paddingOf, unfit, zeros } from "./encodeEntry.ts"
import { blockBytes } from "./HeaderBlock.ts"

type Next = (bytes: Uint8Array) => void

/** What is left of a body. */
interface Body {
  readonly header: EntryHeader
  /** Bytes that were written, holes among them. */
  at: number
  /** The next segment of a sparse file, and how much of it was written. */
  segment: number
  within: number
}

export class ArchiveWriter implements Machine<Part, Uint8Array> {
  #body: Body | undefined

  push(part: Part, next: Next): void {
    if (part._tag === "Entry" || part._tag === "Begin") this.#begin(part.header, next)
    if (part._tag === "Entry" && part.body !== undefined) this.#write(part.body, next)
    if (part._tag === "Data") this.#write(part.chunk, next)
    if (part._tag === "Entry" || part._tag === "End") this.#finish(next)
  }

  end(next: Next): void {
    if (this.#body !== undefined) throw unfit(this.#body.header, "body", "has no end")
    next(zeros.subarray(0, 2 * blockBytes))
  }

  #begin(header: EntryHeader, next: Next): void {
    if (this.#body !== undefined) throw unfit(this.#body.header, "body", "has no end")
    next(encodeEntry(header))
    this.#body = { header, at: 0, segment: 0, within: 0 }
  }

  #write(bytes: Uint8Array, next: Next): void {
    const body = this.#current()
    const sparse = body.header.sparse ?? []
    let taken = 0
    while (taken < bytes.length) {
      const segment = sparse[body.segment]
      if (segment === undefined) break
      const piece = bytes.subarray(taken, taken + segment.length - body.within)
      if (piece.length > 0) this.#skip(body, segment.offset + body.within, next)
      this.#emit(body, piece, next)
      taken += piece.length
      body.within += piece.length
      if (body.within < segment.length) break
      body.segment += 1
      body.within = 0
    }
    this.#emit(body, bytes.subarray(taken), next)
  }

  #finish(next: Next): void {
    const body = this.#current()
    const { header } = body
    const { sparse, size } = header
    if (sparse?.slice(body.segment).every(({ length }) => length === 0)) this.#skip(body, size, next)
    if (body.at !== size) throw unfit(header, "body", `has ${counted(body.at, "byte")}, but its size is ${size}`)
    this.#body = undefined
    const padding = paddingOf(size)
    if (padding.length > 0) next(padding)
  }

  #current(): Body {
    if (this.#body === undefined)
      throw new InvalidOption({ option: "entries", problem: "have a body without a header" })
    return this.#body
  }

  #emit(body: Body, bytes: Uint8Array, next: Next): void {
    body.at += bytes.length
    const { header, at } = body
    if (at > header.size) throw unfit(header, "body", `has more bytes than its size, ${header.size}`)
    if (bytes.length > 0) next(bytes)
  }

  /** A hole. Its bytes are the same memory each time. */
  #skip(body: Body, to: number, next: Next): void {
    while (body.at < to) this.#emit(body, zeros.subarray(0, Math.min(zeros.length, to - body.at)), next)
  }
}
