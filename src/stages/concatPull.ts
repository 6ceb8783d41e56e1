import { defer, finalize, type Observable, type ObservableInput } from "rxjs"
import { concatNext } from "../read/entries/concatNext.ts"

/**
 * `concatMap` for what can be asked: the next value of the iterable is asked for when what `project` gave for the last has
 * completed. Unsubscribing ends the iteration.
 *
 *     asked of the iterable     A────────B────────C──|
 *     concatPull(it, project)   ─a──a──|─b──b──b|─c──|
 *
 * Errors of the iterable and of `project` are the result's. Holds one value, however slow `project` is.
 */
export const concatPull = <A, B>(
  iterable: AsyncIterable<A>,
  project: (value: A, index: number) => ObservableInput<B>
): Observable<B> =>
  defer(() => {
    const iterator = iterable[Symbol.asyncIterator]()
    // A value that is `undefined` is not the end.
    const next = async () => {
      const { done, value } = await iterator.next()
      return done === true ? undefined : { value }
    }
    const end = async () => {
      try {
        await iterator.return?.()
      } catch {
        // Nobody is subscribed any more who could be told.
      }
    }
    return concatNext(next, ({ value }, index) => project(value, index)).pipe(finalize(() => void end()))
  })
