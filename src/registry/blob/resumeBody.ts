/**
 * Retries below the hash: a broken attempt is followed by one that starts at the first missing byte, and the subscriber
 * sees one body. Only attempts in a row that bring too little count, so a registry that cuts every connection after a
 * while can still serve the largest layer.
 */
import { defer, EMPTY, type Observable, type ObservableInput, retry, tap } from "rxjs"

export interface ResumeOptions {
  /** First byte wanted. */
  readonly offset: number
  /** Bytes of the whole. */
  readonly size: number
  readonly attempt: (offset: number) => Observable<Uint8Array>
  /** Emits when the next attempt is due, or fails; `brought`: bytes of the one that failed. */
  readonly wait: () => (error: unknown, brought: number) => ObservableInput<unknown>
}

export const resumeBody = ({ offset, size, attempt, wait }: ResumeOptions): Observable<Uint8Array> =>
  defer(() => {
    const due = wait()
    let seen = offset
    let before = offset
    return defer(() => {
      before = seen
      return seen === size ? EMPTY : attempt(seen)
    }).pipe(
      tap((chunk) => {
        seen += chunk.length
      }),
      retry({ delay: (error) => due(error, seen - before) })
    )
  })
