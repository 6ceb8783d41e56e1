/**
 * No error about a layer's content is reported before its digest has been checked: a layer that was cut or changed on the way is a
 * `DigestMismatch` or a `SizeMismatch`, whatever its archive looks like.
 */
import type { OperatorFunction } from "rxjs"
import { isReason } from "../../api/errors.ts"
import { Observable, Subject } from "../../seams/rxjs.ts"

/** What blames the content. The disk's own failures do not, and come at once. */
const blamesContent = (error: unknown): boolean =>
  isReason(error) && ["CorruptLayer", "UnsafeEntry", "LimitExceeded"].includes(error._tag)

/**
 * Runs `stages` on the source's bytes. Where they find fault with the content they are ended, their files closed, and
 * the rest of the source is still read, since it hashes itself: its own error goes first, theirs comes at its end.
 */
export const digestErrorFirst =
  <A>(stages: OperatorFunction<Uint8Array, A>): OperatorFunction<Uint8Array, A> =>
  (source) =>
    new Observable((results) => {
      const bytes = new Subject<Uint8Array>()
      let proven = false
      let fault: { readonly error: unknown } | undefined
      const running = bytes.pipe(stages).subscribe({
        next: (result) => results.next(result),
        error: (error) => {
          if (proven || !blamesContent(error)) results.error(error)
          else fault = { error }
        },
        complete: () => results.complete()
      })
      results.add(running)
      results.add(
        source.subscribe({
          next: (chunk) => bytes.next(chunk),
          error: (error) => results.error(error),
          complete: () => {
            proven = true
            if (fault === undefined) bytes.complete()
            else results.error(fault.error)
          }
        })
      )
    })
