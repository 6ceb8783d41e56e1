/** Archive bytes → entries, through tar-stream. */
import type { OperatorFunction } from "rxjs"
import { extract, type Header } from "tar-stream"
import { CorruptLayer } from "../../api/errors.ts"
import { type Machine, transduce } from "../../reactive/transduce.ts"
import type { EntryHeader } from "../Entry.ts"
import { type NormaliseOptions, type NormalizedEntry, type NormalizedPart, normalise } from "./normalize.ts"

/**
 * An entry with its whole body, or without one; or, where the body comes in several pieces, its beginning, the pieces
 * and its end. The bytes are views that are valid while they are handed on.
 */
export type Part =
  | { readonly _tag: "Entry"; readonly header: EntryHeader; readonly body?: Uint8Array }
  | { readonly _tag: "Begin"; readonly header: EntryHeader }
  | { readonly _tag: "Data"; readonly chunk: Uint8Array }
  | { readonly _tag: "End" }

const end: Part = { _tag: "End" }

type Done = (error?: Error | null) => void

/**
 * tar-stream is a stream that works in ticks, for whoever writes to it and reads its bodies as streams. Its ticks are what
 * it costs most by, and they are not its parser's: that takes what it is given at once, by the calls that a stream makes
 * when its turn has come. Those are made here.
 */
interface Parser {
  on(
    event: "entry",
    listener: (header: Header, body: { push: (chunk: Uint8Array | null) => boolean }, next: Done) => void
  ): void
  _write(bytes: Uint8Array, done: Done): void
  _final(done: Done): void
}

/** `allowUnknownFormat`: v7 has no magic. */
const makeParser = () =>
  extract({ allowUnknownFormat: true, filenameEncoding: "latin1" } as object) as unknown as Parser

/** The archive as both readers see it: whatever they do not agree on is nobody's entry. */
const agree = (facts: NormalizedEntry | undefined, header: Header): facts is NormalizedEntry =>
  facts !== undefined && header.type === facts.header.type && header.size === facts.stored

class Reader implements Machine<NormalizedPart, Part> {
  readonly #digest: string
  readonly #parser = makeParser()
  readonly #announced: Array<NormalizedEntry> = []
  #next: (part: Part) => void = () => {}
  /** Of the entry at hand, once it is over: lets the parser go on. */
  #over: Done | undefined

  constructor(digest: string) {
    this.#digest = digest
    this.#parser.on("entry", (header, body, over) => {
      const facts = this.#announced.shift()
      if (!agree(facts, header)) throw this.#corrupt("two readers disagree about an entry")
      if (facts.stored > 0) body.push = this.#body(facts, over)
      else {
        this.#next({ _tag: "Entry", header: facts.header })
        this.#over = over
      }
    })
  }

  push(framed: NormalizedPart, next: (part: Part) => void): void {
    if ("header" in framed) {
      this.#announced.push(framed)
      return
    }
    this.#next = next
    this.#parser._write(framed, this.#done)
    // Not where the entry comes: a parser that goes on there goes one level deeper with each entry.
    for (let over = this.#over; over !== undefined; over = this.#over) {
      this.#over = undefined
      over()
    }
  }

  end(): void {
    this.#parser._final(this.#done)
  }

  readonly #done: Done = (error) => {
    if (error) throw this.#corrupt(error.message)
  }

  #corrupt(problem: string): CorruptLayer {
    return new CorruptLayer({ digest: this.#digest, stage: "untar", problem })
  }

  /** In the place of a stream's queue: true, more is wanted. `null` follows the last piece. */
  #body({ header, stored }: NormalizedEntry, over: Done): (chunk: Uint8Array | null) => boolean {
    let left = stored
    return (chunk) => {
      if (chunk === null) return true
      const first = left === stored
      left -= chunk.length
      if (first && left === 0) this.#next({ _tag: "Entry", header, body: chunk })
      else {
        if (first) this.#next({ _tag: "Begin", header })
        this.#next({ _tag: "Data", chunk })
        if (left === 0) this.#next(end)
      }
      if (left === 0) this.#over = over
      return true
    }
  }
}

export const untar =
  (options: NormaliseOptions): OperatorFunction<Uint8Array, Part> =>
  (source) =>
    source.pipe(
      normalise(options),
      transduce(() => new Reader(options.digest))
    )
