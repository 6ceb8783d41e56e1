/** What ends the process from outside, and how: the first signal ends the pull in order, a second one all at once. */
import type { EventEmitter } from "node:events"
import { codeOf } from "../api/codeOf.ts"

/** The exit codes that shells use: 128 plus the signal's number. */
export const signalCodes = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const
export type Signal = keyof typeof signalCodes

export interface Host extends EventEmitter {
  readonly stdout: EventEmitter
  readonly stderr: EventEmitter
  readonly exit: (code: number) => void
}

/** What ended a run before its time: a signal, or a standard output that takes no more (a full disk). */
export type Ending = Signal | "unwritable"

/**
 * Calls `interrupt` once; the returned function tells what came first. `unwritable` is told why nothing can be written,
 * once, and perhaps after everything else is done: what was written last may fail last.
 */
export const onSignal = (
  host: Host,
  interrupt: () => void,
  unwritable: (code: string) => void
): (() => Ending | undefined) => {
  let first: Ending | undefined
  const begin = (ending: Ending) => {
    first = ending
    interrupt()
  }
  const end = (signal: Signal) => {
    if (first === undefined) return begin(signal)
    host.exit(first === "unwritable" ? 1 : signalCodes[first])
  }
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) host.on(signal, () => end(signal))
  host.stdout.on("error", (error: unknown) => {
    const code = codeOf(error) || String(error)
    // A reader that left (`| head`): Node ignores SIGPIPE, and an error without a listener would end in a stack trace.
    const ending = code === "EPIPE" ? "SIGPIPE" : "unwritable"
    if (first !== undefined) return
    if (ending === "unwritable") unwritable(code)
    begin(ending)
  })
  host.stderr.on("error", () => {})
  return () => first
}
