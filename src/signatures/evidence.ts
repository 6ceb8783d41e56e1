/** Signatures as a store keeps them: as they were found, so that they are proven again each time. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Candidate } from "./gather/Candidate.ts"

const Kept = Schema.fromJsonString(Schema.Struct({ version: Schema.Literal(1), signatures: Schema.Array(Candidate) }))

export const encodeEvidence = (signatures: ReadonlyArray<Candidate>): string =>
  JSON.stringify({ version: 1, signatures })

/** None where it cannot be read. */
export const decodeEvidence = (text: string): Effect.Effect<ReadonlyArray<Candidate>> =>
  Schema.decodeUnknownEffect(Kept)(text).pipe(
    Effect.option,
    Effect.map(Option.match({ onNone: () => [], onSome: ({ signatures }) => signatures }))
  )
