/** Entries in two spellings: a sequence, with a function for each entry or without, and an iterable. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { concat, NEVER, type Observable, type ObservableInput, of } from "rxjs"
import type { EntriesOptions, Limits, TreeOptions, Watching } from "../../api/config.ts"
import type { Reason } from "../../api/errors.ts"
import type { FunctionName } from "../../api/options/checkOptions.ts"
import type { EntryCursor } from "../../layer/EntryCursor.ts"
import { naming$, namingError, watched$ } from "../../pull/call.ts"
import type { CallOptions, Calls } from "../../pull/makeCalls.ts"
import type { Services } from "../../pull/services.ts"
import type { Gate } from "../../reactive/Gate.ts"
import { concatNext } from "./concatNext.ts"
import type { Entry } from "./Entry.ts"
import { iterateEntries } from "./iterateEntries.ts"
import type { EntryOrigin, ReadEntry } from "./makeEntry.ts"
import { pushEntries } from "./pushEntries.ts"

type Given = Omit<EntriesOptions & TreeOptions, "gate"> & { readonly gate?: Gate | undefined } & Watching

export interface EntryReading<O extends Given> {
  /** The name that the options are checked by. */
  readonly name: FunctionName
  readonly open: (
    reference: string,
    options: CallOptions<O>,
    origin: Pick<EntryOrigin, "limits" | "named">
  ) => Effect.Effect<EntryCursor<ReadEntry>, Reason, Services | Scope.Scope>
  readonly limits: Limits
  readonly calls: Pick<Calls<Services>, "opened$" | "whenSettled">
}

export const entryReaders = <O extends Given>({ name, open, limits, calls }: EntryReading<O>) => {
  const reading$ = <A>(
    reference: string,
    given: O | undefined,
    named: EntryOrigin["named"],
    use: (cursor: EntryCursor<ReadEntry>, gate: Gate | undefined) => Observable<A>
  ) =>
    watched$(name, given, (options, emit) =>
      calls.opened$(
        Effect.map(open(reference, options, { limits, named }), (cursor) => use(cursor, given?.gate)),
        emit
      )
    )
  return {
    sequence$: <A>(
      reference: string,
      options?: O,
      project?: (entry: Entry, index: number) => ObservableInput<A>
    ): Observable<Entry | A> =>
      reading$<Entry | A>(reference, options, namingError(reference), (cursor, gate) =>
        project === undefined
          ? pushEntries(cursor, gate)
          : concatNext(cursor.next, ({ entry }, index) => project(entry, index))
      ).pipe(naming$(reference)),
    iterable: (reference: string, options?: O): AsyncIterable<Entry> => {
      const named = namingError(reference)
      return iterateEntries({
        cursor$: reading$(reference, options, named, (cursor) => concat(of(cursor), NEVER)).pipe(naming$(reference)),
        named,
        settled: calls.whenSettled
      })
    }
  }
}
