/** One call of the operating system as an Effect; what it refuses is `FileSystemFailed` with the system's own code. */
import { unlink } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { codeOrMessage } from "../api/codeOf.ts"
import { FileSystemFailed } from "../api/errors.ts"

export const syscall = <A>(operation: string, path: string, run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (error) => new FileSystemFailed({ operation, path, code: codeOrMessage(error) })
  })

/** Takes `fallback` where the call failed with one of `codes`. */
export const recoverFrom =
  <const B>(codes: ReadonlyArray<string>, fallback: B) =>
  <A, R>(call: Effect.Effect<A, FileSystemFailed, R>): Effect.Effect<A | B, FileSystemFailed, R> =>
    Effect.catch(call, (error) => (codes.includes(error.code) ? Effect.succeed(fallback) : Effect.fail(error)))

/** `undefined` where the path does not exist. */
export const ifMissing = recoverFrom(["ENOENT", "ENOTDIR"], undefined)

/** Removes a file; succeeds where it does not exist. */
export const removeFile = (path: string): Effect.Effect<void, FileSystemFailed> =>
  Effect.asVoid(ifMissing(syscall("unlink", path, () => unlink(path))))
