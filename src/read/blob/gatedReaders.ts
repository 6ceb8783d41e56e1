/** Bytes in two spellings: a sequence, with a function for each piece or without, and an iterable. */
import type { Observable, ObservableInput } from "rxjs"
import type { Watching } from "../../api/config.ts"
import type { Emit } from "../../api/events.ts"
import type { FunctionName } from "../../api/options/checkOptions.ts"
import { naming$, watched$ } from "../../pull/call.ts"
import { Gate } from "../../reactive/Gate.ts"
import { concatGated } from "./concatGated.ts"
import { iterateGated } from "./iterateGated.ts"

export interface GatedReading {
  /** The names that the options are checked by. */
  readonly names: { readonly sequence: FunctionName; readonly iterable: FunctionName }
  /** Resolves when all cancelled subscriptions have closed what they had open. */
  readonly settled: () => Promise<void>
}

export type Open<O> = (options: O & { readonly gate: Gate }, emit: Emit) => Observable<Uint8Array>

export const gatedReaders = <O extends object>({ names, settled }: GatedReading) => ({
  /** `reference`: for errors. */
  sequence$: <A>(
    reference: string,
    given: (O & { readonly gate?: Gate | undefined } & Watching) | undefined,
    open$: Open<O>,
    project?: (chunk: Uint8Array, index: number) => ObservableInput<A>
  ): Observable<Uint8Array | A> =>
    watched$(names.sequence, given, (options, emit): Observable<Uint8Array | A> => {
      const opened = (gate: Gate) => open$({ ...(options as unknown as O), gate }, emit)
      return project === undefined ? opened(given?.gate ?? new Gate()) : concatGated(opened, project)
    }).pipe(naming$(reference)),
  iterable: (reference: string, given: (O & Watching) | undefined, open$: Open<O>): AsyncIterable<Uint8Array> => {
    const named$ = naming$(reference)
    return iterateGated({
      open: (gate) =>
        named$(watched$(names.iterable, given, (options, emit) => open$({ ...(options as unknown as O), gate }, emit))),
      settled
    })
  }
})
