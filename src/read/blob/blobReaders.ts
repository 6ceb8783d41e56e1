/** `blob$` and `blob`. */
import type { Observable, ObservableInput } from "rxjs"
import type { LookOptions, Watching } from "../../api/config.ts"
import type { Emit } from "../../api/events.ts"
import type { Gate } from "../../reactive/Gate.ts"
import type { BlobFunction } from "./BlobFunction.ts"
import type { blobOf } from "./blobOf.ts"
import { type GatedReading, gatedReaders } from "./gatedReaders.ts"

/** What `blobOf` takes. */
type Options = Parameters<typeof blobOf>[2]

export interface BlobReading extends GatedReading {
  readonly open$: (reference: string, digest: string, options: Options, emit: Emit) => Observable<Uint8Array>
}

type Given = LookOptions & Watching

export const blobReaders = ({ open$, ...reading }: BlobReading) => {
  const { sequence$, iterable } = gatedReaders<LookOptions>(reading)
  const blob$ = <A>(
    reference: string,
    digest: string,
    given?: Given & { readonly gate?: Gate },
    project?: (chunk: Uint8Array, index: number) => ObservableInput<A>
  ) => sequence$(reference, given, (options, emit) => open$(reference, digest, options, emit), project)
  const blob = (reference: string, digest: string, given?: Given) =>
    iterable(reference, given, (options, emit) => open$(reference, digest, options, emit))
  return { blob$: blob$ as BlobFunction, blob }
}
