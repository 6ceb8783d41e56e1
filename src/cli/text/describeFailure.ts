/** A failure in two lines: what happened, and what to do. */
import { type PullError, printable } from "../../api/errors.ts"
import { adviceOf, messageFor } from "./adviceOf.ts"

export const describeFailure = ({ reference, reason }: PullError): string =>
  [
    `ociflow: ${reason._tag}: ${printable(reference)}: ${printable(messageFor(reason), 1000)}`,
    `  ${printable(adviceOf(reason), 1000)}`
  ].join("\n")
