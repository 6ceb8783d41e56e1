/** One call of the operating system as an Effect; what it refuses is `FileSystemFailed` with the system's own code. */
import * as Effect from "effect/Effect"
import { FileSystemFailed } from "../api/errors.ts"

/** The system's name for what went wrong (`ENOENT`, …); for an error that has none, its message. */
export const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return "code" in error && typeof error.code === "string" ? error.code : error.message
}

export const syscall = <A>(operation: string, path: string, run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (error) => new FileSystemFailed({ operation, path, code: codeOf(error) })
  })

/** Takes `fallback` where the call failed with one of `codes`. */
export const recoverFrom =
  <const B>(codes: ReadonlyArray<string>, fallback: B) =>
  <A, R>(call: Effect.Effect<A, FileSystemFailed, R>): Effect.Effect<A | B, FileSystemFailed, R> =>
    Effect.catch(call, (error) => (codes.includes(error.code) ? Effect.succeed(fallback) : Effect.fail(error)))

/** `undefined` where the path does not exist. */
export const ifMissing = recoverFrom(["ENOENT", "ENOTDIR"], undefined)
