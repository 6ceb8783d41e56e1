/** `export$` and `export`. */
import * as Effect from "effect/Effect"
import type { Observable, ObservableInput } from "rxjs"
import type { ExportOptions, Watching } from "../api/config.ts"
import type { Emit } from "../api/events.ts"
import type { Calls } from "../pull/makeCalls.ts"
import type { Services } from "../pull/services.ts"
import type { Gate } from "../reactive/Gate.ts"
import { emitGated } from "../read/blob/emitGated.ts"
import { gatedReaders } from "../read/blob/gatedReaders.ts"
import { concatNext } from "../read/entries/concatNext.ts"
import type { ExportFunction, References } from "./ExportFunction.ts"
import type { exportOf } from "./exportOf.ts"

export interface ExportReading {
  readonly open: (
    references: Parameters<typeof exportOf>[0],
    options: Parameters<typeof exportOf>[1]
  ) => ReturnType<typeof exportOf>
  readonly calls: Pick<Calls<Services>, "opened$" | "whenSettled">
}

const listOf = (references: References): ReadonlyArray<string> =>
  typeof references === "string" ? [references] : references

export const exportReaders = ({ open, calls }: ExportReading) => {
  const { sequence$, iterable } = gatedReaders<ExportOptions>({
    names: { sequence: "export$", iterable: "export" },
    settled: calls.whenSettled
  })
  const open$ =
    (references: References) =>
    ({ gate, ...options }: ExportOptions & { readonly gate: Gate }, emit: Emit): Observable<Uint8Array> =>
      calls.opened$(
        Effect.map(open(listOf(references), options), (chunks) => {
          const next = async () => (await chunks.next()).value ?? undefined
          return emitGated<Uint8Array>(gate, (give) => concatNext(next, give))
        }),
        emit
      )
  const nameOf = (references: References) => listOf(references).join(", ")
  const export$ = <A>(
    references: References,
    given?: ExportOptions & { readonly gate?: Gate | undefined } & Watching,
    project?: (chunk: Uint8Array, index: number) => ObservableInput<A>
  ) => sequence$(nameOf(references), given, open$(references), project)
  return {
    export$: export$ as ExportFunction,
    export: (references: References, given?: ExportOptions & Watching) =>
      iterable(nameOf(references), given, open$(references))
  }
}
