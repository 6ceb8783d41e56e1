/** JSON as Go programs write it. */
import * as Effect from "effect/Effect"
import { printable } from "../api/errors.ts"

/** Go writes `null` for a list, map or pointer that was never filled; here that is the same as leaving it out. */
const withoutNull = (_key: string, value: unknown) => (value === null ? undefined : value)

/** Fails without the parser's own words: they quote the text, which may be a secret. */
export const parseJson = (bytes: Uint8Array): Effect.Effect<unknown, string> =>
  Effect.try({
    try: () => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes), withoutNull) as unknown,
    catch: () => "it is no JSON"
  })

/** A schema's complaint, on one line. */
export const complaint = (error: { readonly message: string }): string => printable(error.message)
