import type { Observable, ObservableInput } from "rxjs"
import type { ExportOptions, Watching } from "../api/config.ts"
import type { Gate } from "../reactive/Gate.ts"

/** One image or, for an archive, several. */
export type References = string | ReadonlyArray<string>

type Options = ExportOptions & { readonly gate?: Gate | undefined } & Watching

/** `export$`, with and without a `project`. */
export interface ExportFunction {
  (reference: References, options?: Options): Observable<Uint8Array>
  <A>(
    reference: References,
    options: Options | undefined,
    project: (chunk: Uint8Array, index: number) => ObservableInput<A>
  ): Observable<A>
}
