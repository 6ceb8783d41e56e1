/**
 * Modules that not every program needs are loaded with the first need. A process that has no descriptor or no memory left
 * for their files has met a limit of its system, not a fault of the program: that fails with a reason.
 */
import * as Effect from "effect/Effect"
import { FileSystemFailed } from "../api/errors.ts"

/** The system's code, where the system had no more of something. dlopen tells of it in words only. */
export const scarcity = (error: unknown): "EMFILE" | "ENFILE" | "ENOMEM" | undefined => {
  const told = error instanceof Error ? `${"code" in error ? error.code : ""} ${error.message}` : ""
  if (/\bEMFILE\b|Too many open files(?! in system)/.test(told)) return "EMFILE"
  if (/\bENFILE\b|Too many open files in system/.test(told)) return "ENFILE"
  return /\bENOMEM\b|Cannot allocate memory/.test(told) ? "ENOMEM" : undefined
}

/** Fails with `FileSystemFailed` where the module's files cannot be opened for want of something; dies of all else. */
export const load = <A>(name: string, module: () => Promise<A>): Effect.Effect<A, FileSystemFailed> =>
  Effect.tryPromise({ try: module, catch: (error) => error }).pipe(
    Effect.catch((error) => {
      const code = scarcity(error)
      return code === undefined
        ? Effect.die(error)
        : Effect.fail(new FileSystemFailed({ operation: "load", path: name, code }))
    })
  )
