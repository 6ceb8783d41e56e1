/** How a run ended, as a number and in words. */
import * as Cause from "effect/Cause"
import { isCliError } from "effect/cli/CliError"
import * as Exit from "effect/Exit"
import { PullError, printable } from "../api/errors.ts"
import { type Ending, signalCodes } from "./signals.ts"
import { describeFailure } from "./text/describeFailure.ts"

/** 0: done; 1: failed; 2: wrong usage; otherwise the signal's code. Of several failures the worst. `say` gets the text for the user. */
export const exitCode = (
  exit: Exit.Exit<unknown, unknown>,
  ending: Ending | undefined,
  say: (line: string) => void
): number => {
  // Whatever else happened: what was asked for was not told.
  if (ending === "unwritable") return 1
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterrupts(exit.cause)) return signalCodes[ending ?? "SIGINT"]
  const errors = exit.cause.reasons.filter(Cause.isFailReason).map(({ error }) => error)
  if (errors.some(isCliError)) return 2
  const failures = errors.filter((error) => error instanceof PullError)
  if (failures.length > 0 && failures.length === exit.cause.reasons.length) {
    for (const failure of failures) say(describeFailure(failure))
    return failures.some(({ reason }) => reason._tag === "InvalidOption") ? 2 : 1
  }
  say(`ociflow: Defect: ${printable(Cause.pretty(exit.cause), 4000)}`)
  say("  This is a bug in ociflow. Please report it with the lines above.")
  return 1
}
