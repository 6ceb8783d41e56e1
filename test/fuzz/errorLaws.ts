/** What every error is: typed, and printable. */
import { isReason, PullError } from "../../src/api/errors.ts"

const describe = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error)

/** Longer ones fill a terminal with what a stranger wrote. */
const longest = 4000

export interface Judged {
  /** The reason's tag. */
  readonly outcome: string
  readonly broken?: string
}

export const judge = (error: unknown): Judged => {
  if (!(error instanceof PullError) || !isReason(error.reason))
    return { outcome: "untyped", broken: `untyped: ${describe(error)}` }
  const { message, reason } = error
  if (/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u.test(message))
    return { outcome: reason._tag, broken: `not printable: ${JSON.stringify(message)}` }
  if (message.length > longest) return { outcome: reason._tag, broken: `a message of ${message.length} characters` }
  return { outcome: reason._tag }
}
