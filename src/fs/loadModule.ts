/**
 * Modules that not every program needs are loaded with the first need. A process that has no descriptor or no memory left
 * for their files has met a limit of its system, not a fault of the program: that fails with a reason.
 */
import * as Effect from "effect/Effect"
import { codeOf, messageOf } from "../api/codeOf.ts"
import { FileSystemFailed, ModuleMissing } from "../api/errors.ts"

/** The system's code, where the system had no more of something. dlopen tells of it in words only. */
export const scarcity = (error: unknown): "EMFILE" | "ENFILE" | "ENOMEM" | undefined => {
  const told = `${codeOf(error)} ${messageOf(error)}`
  if (/\bEMFILE\b|Too many open files(?! in system)/.test(told)) return "EMFILE"
  if (/\bENFILE\b|Too many open files in system/.test(told)) return "ENFILE"
  return /\bENOMEM\b|Cannot allocate memory/.test(told) ? "ENOMEM" : undefined
}

/** What Node says of a module that is not there, and what bundles say that were made without it. */
export const isMissing = (error: unknown): error is Error => {
  const told = typeof error === "object" && error !== null ? error : {}
  const code = "code" in told ? String(told.code) : ""
  const message = "message" in told ? String(told.message) : ""
  return (
    /^(?:ERR_)?MODULE_NOT_FOUND$/.test(code) || /^(?:Dynamic require of|Cannot find (?:module|package)) /.test(message)
  )
}

/**
 * Fails with `FileSystemFailed` if the module's files cannot be opened, for example because too many files are open, and with
 * `ModuleMissing` if they do not exist. Any other error is a defect.
 */
export const loadModule = <A>(
  name: string,
  module: () => Promise<A>
): Effect.Effect<A, FileSystemFailed | ModuleMissing> =>
  Effect.tryPromise({ try: module, catch: (error) => error }).pipe(
    Effect.catch((error): Effect.Effect<never, FileSystemFailed | ModuleMissing> => {
      const code = scarcity(error)
      if (code !== undefined) return Effect.fail(new FileSystemFailed({ operation: "load", path: name, code }))
      if (!isMissing(error)) return Effect.die(error)
      const [problem = ""] = error.message.split("\n")
      return Effect.fail(new ModuleMissing({ module: name, problem }))
    })
  )
