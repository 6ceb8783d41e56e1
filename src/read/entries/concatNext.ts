/** `concatMap` for a source that is asked: the next value is asked for when what `project` gave for the last has completed. */
import { from, Observable, type ObservableInput } from "rxjs"

/** `next` gives `undefined` at the end. Nothing waits in a queue, however slow what `project` gives is. */
export const concatNext = <A, B>(
  next: () => Promise<A | undefined>,
  project: (value: A, index: number) => ObservableInput<B>
): Observable<B> =>
  new Observable((results) => {
    let index = 0
    const step = () => {
      if (!results.closed) next().then(give, (error) => results.error(error))
    }
    const give = (value: A | undefined) => {
      if (results.closed) return
      if (value === undefined) return results.complete()
      try {
        const given$ = from(project(value, index++))
        results.add(
          given$.subscribe({
            next: (result) => results.next(result),
            error: (error) => results.error(error),
            complete: step
          })
        )
      } catch (error) {
        results.error(error)
      }
    }
    step()
  })
