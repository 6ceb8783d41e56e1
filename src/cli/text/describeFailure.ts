/** A failure in two lines: what happened, and what to do. */
import { type PullError, printable } from "../../api/errors.ts"
import { adviceOf, messageFor } from "./adviceOf.ts"

/** Some failures are of no reference, such as `(open)`, and some name it themselves. */
const subjectOf = ({ reference, reason, message }: PullError): string =>
  /^\(\w+\)$/.test(reference) || message === reason.message ? "" : `${printable(reference)}: `

export const describeFailure = (error: PullError): string => {
  const { reason } = error
  return [
    `ociflow: ${reason._tag}: ${subjectOf(error)}${printable(messageFor(reason), 1000)}`,
    `  ${printable(adviceOf(reason), 1000)}`
  ].join("\n")
}
