/** How a run ended, as a number and in words. */
import * as Cause from "effect/Cause"
import { isCliError } from "effect/cli/CliError"
import * as Exit from "effect/Exit"
import { PullError, printable } from "../api/errors.ts"
import { type Ending, signalCodes } from "./signals.ts"
import { adviceOf, messageFor } from "./text/adviceOf.ts"

/** 0: done; 1: failed; 2: wrong usage; otherwise the signal's code. `say` gets the text for the user. */
export const exitCode = (
  exit: Exit.Exit<unknown, unknown>,
  ending: Ending | undefined,
  say: (line: string) => void
): number => {
  // Whatever else happened: what was asked for was not told.
  if (ending === "unwritable") return 1
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterrupts(exit.cause)) return signalCodes[ending ?? "SIGINT"]
  const error = Cause.squash(exit.cause)
  if (isCliError(error)) return 2
  if (error instanceof PullError) {
    const { reference, reason } = error
    say(`ociflow: ${reason._tag}: ${printable(reference)}: ${printable(messageFor(reason), 1000)}`)
    say(`  ${printable(adviceOf(reason), 1000)}`)
    return reason._tag === "InvalidOption" ? 2 : 1
  }
  say(`ociflow: Defect: ${printable(Cause.pretty(exit.cause), 4000)}`)
  say("  This is a bug in ociflow. Please report it with the lines above.")
  return 1
}
