import type { Observable, ObservableInput } from "rxjs"
import type { BlobOptions, Watching } from "../../api/config.ts"

/** `blob$`, with and without a `project`. */
export interface BlobFunction {
  (reference: string, digest: string, options?: BlobOptions & Watching): Observable<Uint8Array>
  <A>(
    reference: string,
    digest: string,
    options: (BlobOptions & Watching) | undefined,
    project: (chunk: Uint8Array, index: number) => ObservableInput<A>
  ): Observable<A>
}
