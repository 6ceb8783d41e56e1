import { Observable, type ObservableInput } from "rxjs"
import type { Gate } from "../../reactive/Gate.ts"
import { whenOpen } from "../entries/whenOpen.ts"

/** Emits one value, and completes when the gate is open, so that the next value is asked for only then. */
export type Give<A> = (value: A) => ObservableInput<A>

/** A sequence that is asked for its values, so that it emits nothing while the gate is closed, and asks for nothing. */
export const emitGated = <A>(gate: Gate | undefined, ask: (give: Give<A>) => Observable<A>): Observable<A> =>
  new Observable((values) => {
    const give = (value: A) =>
      new Observable<A>((given) => {
        given.next(value)
        given.add(whenOpen(gate, () => given.complete()))
      })
    values.add(whenOpen(gate, () => values.add(ask(give).subscribe(values))))
  })
