/**
 * The rest of a blob as it arrives. It is written to the partial blob, and passed on at once to a reader. Where the reader
 * has to wait, the download goes on without it:
 *
 *     file    kept bytes │ ┄┄ download ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄
 *     reader               waits … reads the file ┄┄┄┄│ joins the download where the file ends
 */
import type { FileHandle } from "node:fs/promises"
import { Observable, type Subscriber, type Subscription } from "rxjs"
import { codeOf } from "../../api/codeOf.ts"
import { FileSystemFailed, isReason } from "../../api/errors.ts"
import { pump } from "../../fs/fileRange.ts"
import { Gate } from "../../reactive/Gate.ts"
import { highWater, type Tail } from "./Tail.ts"

/** A blob's bytes from `offset` on. It must honour the gate. */
export type Rest = (gate: Gate, offset: number) => Observable<Uint8Array>

export interface Arrival {
  /**
   * The download without a reader. Emits how many bytes are here as soon as there are some, and fails as the download
   * does. Once there is a reader, it goes on for that one, so it must be subscribed to for as long as `bytes$`. Empty where
   * nothing is downloaded.
   */
  readonly ahead$: Observable<number>
  /** The whole blob, for one reader. */
  readonly bytes$: (gate: Gate) => Observable<Uint8Array>
}

export interface KeptFile {
  readonly tail: Tail
  readonly file: FileHandle
  readonly path: string
  /** Bytes of the whole blob. */
  readonly size: number
}

export const failed = (operation: string, path: string) => (error: unknown) =>
  new FileSystemFailed({ operation, path, code: codeOf(error) })

/** Passes each chunk on at once, and writes it meanwhile. Ends when all of it has been written. */
const written$ = (
  { tail, path }: Pick<KeptFile, "tail" | "path">,
  source$: Observable<Uint8Array>,
  balance: () => void
): Observable<Uint8Array> =>
  new Observable((sink) => {
    const fail = (error: unknown) => sink.error(failed("write", path)(error))
    sink.add(
      source$.subscribe({
        next: (chunk) => {
          tail.append(chunk)
          balance()
          // Opens the gate again when the bytes have been written, and says that they cannot be.
          if (tail.isBroken || tail.pending > highWater) tail.flush().then(balance, fail)
          sink.next(chunk)
        },
        error: (error) => tail.flush().then(() => sink.error(error), fail),
        complete: () => tail.flush().then(() => sink.complete(), fail)
      })
    )
  })

/** `rest`, for a reader that is there. */
export const keeping$ = (kept: Pick<KeptFile, "tail" | "path">, gate: Gate, rest: Rest): Observable<Uint8Array> =>
  new Observable((sink) => {
    const { tail } = kept
    const inner = new Gate()
    const balance = () => (gate.isOpen && tail.pending <= highWater ? inner.open() : inner.close())
    sink.add(gate.open$.subscribe(balance))
    sink.add(written$(kept, rest(inner, tail.size), balance).subscribe(sink))
  })

/** `joined$` gives nothing where the download has not been started: its reader does that. */
export const makeArrival = (kept: KeptFile, rest: Rest) => {
  const { tail, file, path, size } = kept
  const inner = new Gate()
  let isStarted = false
  let isWhole = false
  let isJoining = false
  let download: Subscription | undefined
  /** It has caught up. */
  let reader: { readonly sink: Subscriber<Uint8Array>; readonly gate: Gate } | undefined

  const balance = () =>
    isJoining || reader?.gate.isOpen === false || tail.pending > highWater ? inner.close() : inner.open()

  const ahead$ = new Observable<number>((told) => {
    isStarted = true
    const start = () => {
      if (told.closed) return
      if (tail.size > 0) told.next(tail.size)
      isWhole = tail.size === size
      if (isWhole) return told.complete()
      download = written$(kept, rest(inner, tail.size), balance).subscribe({
        next: (chunk) => {
          // What the file has no room for must not be lost: the reader requests it again.
          if (reader === undefined && tail.isFull) download?.unsubscribe()
          reader?.sink.next(chunk)
          told.next(tail.size + tail.pending)
        },
        error: (error) => told.error(error),
        complete: () => {
          isWhole = reader !== undefined || !tail.isFull
          reader?.sink.complete()
          told.complete()
        }
      })
      told.add(download)
    }
    // Writes of an earlier subscription may be pending.
    tail.flush().then(start, (error) => told.error(failed("write", path)(error)))
  })

  const flushed = () => tail.flush().catch((error) => Promise.reject(failed("write", path)(error)))

  const follow = async (sink: Subscriber<Uint8Array>, gate: Gate): Promise<void> => {
    for (let at = 0; !sink.closed; ) {
      // What came after the failure is in no file, and a reader that joined now would miss it.
      if (tail.isBroken) await flushed()
      const end = tail.size
      if (at < end) {
        await pump(file, [at, end], gate, sink)
        at = end
      } else if (isWhole) return sink.complete()
      else if (tail.isFull) {
        download?.unsubscribe()
        sink.add(keeping$(kept, gate, rest).subscribe(sink))
        return
      } else if (tail.pending === 0) {
        // No chunk can come in between: the next one is the first after what was read.
        reader = { sink, gate }
        isJoining = false
        sink.add(gate.open$.subscribe(balance))
        return
      } else {
        isJoining = true
        balance()
        await flushed()
      }
    }
  }

  const joined$ = (gate: Gate): Observable<Uint8Array> | undefined =>
    isStarted
      ? new Observable((sink) => {
          follow(sink, gate).catch((error) => sink.error(isReason(error) ? error : failed("read", path)(error)))
        })
      : undefined
  return { ahead$, joined$ }
}
