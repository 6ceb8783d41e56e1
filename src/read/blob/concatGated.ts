import { concatMap, defer, from, type Observable, type ObservableInput, tap } from "rxjs"
import { Gate } from "../../reactive/Gate.ts"

/** `concatMap` for a source with a gate, which is closed until what `project` gave for the last value has completed. */
export const concatGated = <A, B>(
  open: (gate: Gate) => Observable<A>,
  project: (value: A, index: number) => ObservableInput<B>
): Observable<B> =>
  defer(() => {
    const gate = new Gate()
    return open(gate).pipe(
      concatMap((value, index) => {
        gate.close()
        return from(project(value, index)).pipe(tap({ complete: gate.open }))
      })
    )
  })
