/** An archive in memory → its entries, through the same operators as in the worker. */
import { Observable } from "rxjs"
import { defaultLimits, type Limits } from "../../src/api/config.ts"
import type { Warning } from "../../src/api/events.ts"
import type { EntryHeader } from "../../src/layer/Entry.ts"
import { untar } from "../../src/layer/tar/untar.ts"
import { Gate } from "../../src/reactive/Gate.ts"

export interface ReadEntry {
  readonly header: EntryHeader
  readonly body: Buffer
}

/** Emits the bytes in pieces of `size` (or, in turn, of `sizes`), as long as the gate is open. */
export const gated = (bytes: Uint8Array, gate: Gate, sizes: ReadonlyArray<number> = [65536]): Observable<Uint8Array> =>
  new Observable((subscriber) => {
    let at = 0
    let turn = 0
    let emitting = false
    const emit = () => {
      while (gate.isOpen && at < bytes.length && !subscriber.closed) {
        const size = sizes[turn++ % sizes.length] ?? 65536
        const piece = Uint8Array.from(bytes.subarray(at, at + size))
        at += size
        subscriber.next(piece)
        // A view that is kept for longer than the call shows rubbish, as in the ring.
        piece.fill(0xaa)
      }
      if (at >= bytes.length) subscriber.complete()
    }
    subscriber.add(
      gate.open$.subscribe((open) => {
        if (!open || emitting) return
        emitting = true
        emit()
        emitting = false
      })
    )
  })

/** `body` of a sparse file is filled with zeros where its holes are. */
const expand = ({ header, body }: ReadEntry): ReadEntry => {
  if (header.sparse === undefined || header.size > 2 ** 24) return { header, body }
  const whole = Buffer.alloc(header.size)
  let at = 0
  for (const { offset, length } of header.sparse) at += body.copy(whole, offset, at, at + length)
  return { header, body: whole }
}

export interface ReadOptions {
  readonly sizes?: ReadonlyArray<number>
  readonly limits?: Partial<Limits>
}

/** Rejects with the reason; `seen` holds what came before. */
export const readArchive = (
  bytes: Uint8Array,
  { sizes, limits = {} }: ReadOptions = {},
  seen: Array<ReadEntry> = []
): Promise<{ readonly entries: ReadonlyArray<ReadEntry>; readonly warnings: ReadonlyArray<Warning> }> =>
  new Promise((resolve, reject) => {
    const gate = new Gate()
    const warnings: Array<Warning> = []
    let pieces: Array<Buffer> = []
    let open: EntryHeader | undefined
    gated(bytes, gate, sizes)
      .pipe(
        untar({
          digest: "sha256:test",
          limits: { ...defaultLimits, ...limits },
          warn: (warning) => warnings.push(warning)
        })
      )
      .subscribe({
        next: (part) => {
          if (part._tag === "Entry")
            seen.push(expand({ header: part.header, body: Buffer.from(part.body ?? new Uint8Array(0)) }))
          else if (part._tag === "Begin") {
            open = part.header
            pieces = []
          } else if (part._tag === "Data") pieces.push(Buffer.from(part.chunk))
          else if (open !== undefined) seen.push(expand({ header: open, body: Buffer.concat(pieces) }))
        },
        error: reject,
        complete: () => resolve({ entries: seen, warnings })
      })
  })
