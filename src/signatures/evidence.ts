/** Signatures as a store keeps them: as they were found, so that they are proven again each time. */
import * as Effect from "effect/Effect"
import * as Shape from "../image/json/Shape.ts"
import { Candidate } from "./gather/Candidate.ts"

const Kept = Shape.fromJsonString(Shape.Struct({ version: Shape.Literals([1]), signatures: Shape.Array(Candidate) }))

export const encodeEvidence = (signatures: ReadonlyArray<Candidate>): string =>
  JSON.stringify({ version: 1, signatures })

/** None where it cannot be read. */
export const decodeEvidence = (text: string): Effect.Effect<ReadonlyArray<Candidate>> =>
  Effect.sync(() => Shape.orUndefined(Kept)(text)?.signatures ?? [])
