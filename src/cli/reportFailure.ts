/** With `--json` a failure is the last line of JSON too; the words for people go to `stderr` where the run ends. */
import * as Effect from "effect/Effect"
import type { PullError } from "../api/errors.ts"
import { printableJson } from "../api/printable.ts"
import { Output } from "./Output.ts"
import { adviceOf, messageFor } from "./text/adviceOf.ts"

/** The JSON of a failure; `reason` is the name that `docs/errors.md` lists. */
export const failed = ({ reference, reason }: PullError) => ({
  _tag: "Failed",
  reference,
  reason: reason._tag,
  message: messageFor(reason),
  advice: adviceOf(reason),
  isRetryable: reason.isRetryable
})

export const reportFailure =
  (json: boolean) =>
  <A, R>(effect: Effect.Effect<A, PullError, R>): Effect.Effect<A, PullError, R> =>
    Effect.tapError(effect, (error) =>
      json ? Effect.map(Output, ({ stdout }) => void stdout.write(`${printableJson(failed(error))}\n`)) : Effect.void
    )
