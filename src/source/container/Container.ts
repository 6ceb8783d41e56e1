/** Files by name: a directory, or an archive. Names are only ever looked up. */
import * as Effect from "effect/Effect"
import { type Observable, of } from "rxjs"
import { InvalidSource, isReason, LimitExceeded, type Reason } from "../../api/errors.ts"
import { drain } from "../../reactive/bridge.ts"
import { concatBytes } from "../../reactive/concatBytes.ts"
import { Gate } from "../../reactive/Gate.ts"

export interface Part {
  /** Bytes. */
  readonly size: number
  /** From `offset` up to, not including, `end`; honours the gate. Errors are `Reason`s. */
  readonly bytes$: (gate: Gate, offset: number, end: number) => Observable<Uint8Array>
}

export interface Container {
  /** The path as a person wrote it, for errors. */
  readonly name: string
  /** `undefined` where there is no such file. */
  readonly find: (path: string) => Effect.Effect<Part | undefined, Reason>
}

export const unusable = ({ name }: Pick<Container, "name">, problem: string) =>
  new InvalidSource({ source: name, problem })

export const partOfBytes = (bytes: Uint8Array): Part => ({
  size: bytes.length,
  bytes$: (_, offset, end) => of(bytes.subarray(offset, end))
})

/** The first `count` bytes, or all there are. */
export const beginningOf = (part: Part, count: number): Effect.Effect<Uint8Array, Reason> =>
  Effect.map(
    drain(isReason)(part.bytes$(new Gate(), 0, Math.min(count, part.size)).pipe(concatBytes)),
    (bytes = new Uint8Array(0)) => bytes
  )

/** A whole document. */
export const documentOf = Effect.fnUntraced(function* (
  part: Part,
  subject: string,
  limit: number
): Effect.fn.Return<Uint8Array, Reason> {
  if (part.size > limit)
    return yield* new LimitExceeded({ limit: "documentBytes", maximum: limit, unit: "bytes", subject })
  return yield* beginningOf(part, part.size)
})
