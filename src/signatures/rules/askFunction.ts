/** The option `verify` as a function, which decides alone. */
import * as Effect from "effect/Effect"
import { SignatureRejected, TrustUnavailable } from "../../api/errors.ts"
import type { SignatureFunction, SignatureVerdict } from "../../api/signatures.ts"
import type { ImageToCheck, Verified } from "../ImageToCheck.ts"

const name = "the function in `verify`"

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const isListOfRecords = (value: unknown): boolean => Array.isArray(value) && value.every(isRecord)

export const askFunction = Effect.fnUntraced(function* (
  verify: SignatureFunction,
  { origin, digest, manifestDigest }: ImageToCheck
): Effect.fn.Return<Verified, SignatureRejected | TrustUnavailable> {
  const failed = (cause: unknown) => new TrustUnavailable({ source: name, problem: "it failed", cause })
  const answer = yield* Effect.try({
    try: () => verify({ reference: origin.name, digest, manifestDigest }),
    catch: failed
  })
  const verdict: SignatureVerdict = Effect.isEffect(answer)
    ? yield* answer.pipe(Effect.catchDefect(Effect.fail), Effect.mapError(failed))
    : yield* Effect.tryPromise({ try: async () => answer, catch: failed })
  // Plain JavaScript may give anything: what is not a verdict accepts nothing.
  const given: Readonly<Record<string, unknown>> = isRecord(verdict) ? verdict : {}
  if (given["accepted"] === true && isListOfRecords(given["verified"] ?? []))
    return (given["verified"] ?? []) as Verified
  const problem = typeof given["problem"] === "string" ? given["problem"] : "it did not accept the image"
  return yield* new SignatureRejected({ digest, scope: name, failures: [problem] })
})
