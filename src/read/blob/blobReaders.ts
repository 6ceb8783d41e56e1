/** A blob's bytes in two spellings: a sequence, with a function for each piece or without, and an iterable. */
import type { Observable, ObservableInput } from "rxjs"
import type { Watching } from "../../api/config.ts"
import type { Emit } from "../../api/events.ts"
import type { FunctionName } from "../../api/options/checkOptions.ts"
import { naming$, watched$ } from "../../pull/call.ts"
import { Gate } from "../../reactive/Gate.ts"
import type { BlobFunction } from "./BlobFunction.ts"
import type { blobOf } from "./blobOf.ts"
import { concatGated } from "./concatGated.ts"
import { iterateGated } from "./iterateGated.ts"

/** What `blobOf` takes. */
type Options = Parameters<typeof blobOf>[2]

export interface BlobReading {
  /** The names that the options are checked by. */
  readonly names: { readonly sequence: FunctionName; readonly iterable: FunctionName }
  readonly open$: (reference: string, digest: string, options: Options, emit: Emit) => Observable<Uint8Array>
  /** Resolves when what was unsubscribed from is closed. */
  readonly settled: () => Promise<void>
}

type Given = Partial<Options> & Watching

export const blobReaders = ({ names, open$, settled }: BlobReading) => {
  const blob$ = <A>(
    reference: string,
    digest: string,
    given?: Given,
    project?: (chunk: Uint8Array, index: number) => ObservableInput<A>
  ): Observable<Uint8Array | A> =>
    watched$(
      names.sequence,
      given,
      ({ gate = new Gate(), ...options }, emit): Observable<Uint8Array | A> =>
        project === undefined
          ? open$(reference, digest, { ...options, gate }, emit)
          : concatGated((gate) => open$(reference, digest, { ...options, gate }, emit), project)
    ).pipe(naming$(reference))
  const blob = (reference: string, digest: string, given?: Omit<Given, "gate">) => {
    const named$ = naming$(reference)
    return iterateGated({
      open: (gate) =>
        named$(
          watched$(names.iterable, given, (options, emit) => open$(reference, digest, { ...options, gate }, emit))
        ),
      settled
    })
  }
  return { blob$: blob$ as BlobFunction, blob }
}
