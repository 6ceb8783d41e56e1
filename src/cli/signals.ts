/** What ends the process from outside, and how: the first signal ends the pull in order, a second one all at once. */
import type { EventEmitter } from "node:events"

/** As shells have it: 128 and the signal's number. */
export const signalCodes = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const
export type Signal = keyof typeof signalCodes

export interface Host extends EventEmitter {
  readonly stdout: EventEmitter
  readonly stderr: EventEmitter
  readonly exit: (code: number) => void
}

/** Calls `interrupt` once; the returned function tells what came first. */
export const onSignal = (host: Host, interrupt: () => void): (() => Signal | undefined) => {
  let first: Signal | undefined
  const end = (signal: Signal) => {
    if (first !== undefined) return signal === "SIGPIPE" ? undefined : host.exit(signalCodes[first])
    first = signal
    interrupt()
  }
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) host.on(signal, () => end(signal))
  // A reader that left (`| head`): Node ignores SIGPIPE, and an error without a listener would end in a stack trace.
  host.stdout.on("error", () => end("SIGPIPE"))
  host.stderr.on("error", () => {})
  return () => first
}
