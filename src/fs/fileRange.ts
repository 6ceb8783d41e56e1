/** Bytes of a file that is open, piece by piece while the gate is open; one piece at most is held while it is not. */
import type { FileHandle } from "node:fs/promises"
import { Observable, type Subscriber, Subscription } from "rxjs"
import type { Gate } from "../reactive/Gate.ts"

const pieceBytes = 65_536

/** Settles when all of it was handed on, or the subscriber has left: the file may be closed then. */
export const pump = async (
  file: FileHandle,
  [start, end]: readonly [number, number],
  gate: Gate,
  sink: Subscriber<Uint8Array>
): Promise<void> => {
  let wake = (): void => undefined
  const waking = new Subscription(() => wake())
  waking.add(gate.open$.subscribe(() => wake()))
  sink.add(waking)
  const opened = async () => {
    while (!gate.isOpen && !sink.closed)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
  }
  for (let at = start; at < end; ) {
    await opened()
    if (sink.closed) return
    const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, end - at))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
    if (bytesRead === 0) throw new Error("the file ended early")
    at += bytesRead
    await opened()
    sink.next(buffer.subarray(0, bytesRead))
  }
  waking.unsubscribe()
}

/** The same of a file that stays open as long; `failed` says what a failure is. */
export const fileRange$ = (
  file: FileHandle,
  range: readonly [number, number],
  gate: Gate,
  failed: (error: unknown) => unknown
): Observable<Uint8Array> =>
  new Observable((sink) => {
    pump(file, range, gate, sink).then(
      () => sink.complete(),
      (error) => sink.error(failed(error))
    )
  })
