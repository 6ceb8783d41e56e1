import { Observable } from "rxjs"
import { onAbort } from "./onAbort.ts"

/** Fails with the signal's reason when that is aborted. */
export const abortable$ =
  (signal: AbortSignal | undefined) =>
  <A>(source: Observable<A>): Observable<A> =>
    signal === undefined
      ? source
      : new Observable((sink) => {
          if (signal.aborted) return sink.error(signal.reason)
          sink.add(onAbort(signal, () => sink.error(signal.reason)))
          sink.add(source.subscribe(sink))
        })
