/** Sources as a layer's blob is one: pieces as long as the gate is open. */
import { closeSync, openSync, readSync } from "node:fs"
import { lastValueFrom, Observable } from "rxjs"
import type { Gate } from "../../src/reactive/Gate.ts"

const pieceBytes = 65_536

/** `next` gives a piece, valid until the next call, or undefined at the end. */
const pulled = (gate: Gate, next: () => Uint8Array | undefined, close: () => void = () => {}): Observable<Uint8Array> =>
  new Observable((pieces) => {
    let running = false
    const go = () => {
      // An operator below may open the gate from within `next`.
      if (running) return
      running = true
      while (gate.isOpen && !pieces.closed) {
        const piece = next()
        if (piece === undefined) pieces.complete()
        else pieces.next(piece)
      }
      running = false
    }
    pieces.add(close)
    pieces.add(gate.open$.subscribe((open) => open && go()))
  })

export const ofBytes = (bytes: Uint8Array, gate: Gate, size: number = pieceBytes): Observable<Uint8Array> =>
  new Observable((pieces) => {
    let at = 0
    return pulled(gate, () => {
      if (at >= bytes.length) return undefined
      const piece = bytes.subarray(at, at + size)
      at += size
      return piece
    }).subscribe(pieces)
  })

export const ofFile = (path: string, gate: Gate): Observable<Uint8Array> =>
  new Observable((pieces) => {
    const fd = openSync(path, "r")
    const buffer = Buffer.allocUnsafe(pieceBytes)
    const next = () => {
      const count = readSync(fd, buffer)
      return count === 0 ? undefined : buffer.subarray(0, count)
    }
    return pulled(gate, next, () => closeSync(fd)).subscribe(pieces)
  })

/** To the end, whatever comes. */
export const through = async (stream: Observable<unknown>): Promise<void> => {
  await lastValueFrom(stream, { defaultValue: undefined })
}
