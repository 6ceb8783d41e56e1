/** Archive bytes → entries, through tar-stream, which works in ticks: it shuts the gate and opens it again. */
import type { OperatorFunction } from "rxjs"
import { Observable } from "rxjs/internal/Observable"
import { extract, type Header } from "tar-stream"
import { CorruptLayer } from "../errors.ts"
import type { Gate } from "../reactive/Gate.ts"
import type { EntryHeader } from "./Entry.ts"
import { type Facts, type Framed, type NormaliseOptions, normalise } from "./normalise.ts"

/**
 * An entry with its whole body, or without one; or, where the body comes in several pieces, its beginning, the pieces
 * and its end. The bytes are views that are valid while they are handed on.
 */
export type Part =
  | { readonly _tag: "Entry"; readonly header: EntryHeader; readonly body?: Uint8Array }
  | { readonly _tag: "Begin"; readonly header: EntryHeader }
  | { readonly _tag: "Data"; readonly chunk: Uint8Array }
  | { readonly _tag: "End" }

/** Each write waits for its drain: the buffer is the gate's business. `allowUnknownFormat`: v7 has no magic. */
const parserOptions = { allowUnknownFormat: true, filenameEncoding: "latin1", highWaterMark: 1 }

const end: Part = { _tag: "End" }

/** The archive as both readers see it: whatever they do not agree on is nobody's entry. */
const agree = (facts: Facts | undefined, header: Header): facts is Facts =>
  facts !== undefined && header.type === facts.header.type && header.size === facts.stored

export const untar =
  (gate: Gate, options: NormaliseOptions): OperatorFunction<Uint8Array, Part> =>
  (source) =>
    source.pipe(normalise(options), parse(gate, options.digest))

const parse =
  (gate: Gate, digest: string): OperatorFunction<Framed, Part> =>
  (source) =>
    new Observable((parts) => {
      const announced: Array<Facts> = []
      const parser = extract(parserOptions)
      const fail = (error: unknown) =>
        parts.error(
          new CorruptLayer({ digest, stage: "untar", problem: error instanceof Error ? error.message : String(error) })
        )

      // The archive may be over while its last body still waits for its tick.
      let open = 0
      let finished = false
      const settle = () => {
        if (finished && open === 0) parts.complete()
      }

      parser.on("entry", (header, body, done) => {
        const facts = announced.shift()
        if (!agree(facts, header)) return fail("two readers disagree about an entry")
        if (facts.stored === 0) {
          parts.next({ _tag: "Entry", header: facts.header })
          if (!parts.closed) done()
          return
        }
        let left = facts.stored
        open++
        // An archive that fails fails each open body, too; unhandled, that would end the process.
        body.on("error", () => {})
        body.on("data", (data) => {
          const chunk = data as Uint8Array
          const first = left === facts.stored
          left -= chunk.length
          if (first && left === 0) parts.next({ _tag: "Entry", header: facts.header, body: chunk })
          else {
            if (first) parts.next({ _tag: "Begin", header: facts.header })
            parts.next({ _tag: "Data", chunk })
            if (left === 0) parts.next(end)
          }
          if (left > 0 || parts.closed) return
          open--
          done()
          settle()
        })
      })
      parser.on("drain", gate.open)
      parser.on("error", fail)
      parser.on("finish", () => {
        finished = true
        settle()
      })
      parts.add(() => parser.destroy(null))
      parts.add(
        source.subscribe({
          next: (framed) => {
            if (!(framed instanceof Uint8Array)) announced.push(framed)
            else if (!parts.closed && !parser.write(framed)) gate.close()
          },
          error: (error) => parts.error(error),
          complete: () => parser.end(undefined)
        })
      )
    })
