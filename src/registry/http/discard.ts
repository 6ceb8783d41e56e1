/** Lets go of a body that nobody needs. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { takeUntil, timer } from "rxjs"
import { Gate } from "../../reactive/Gate.ts"
import { limitBytes } from "../../reactive/limitBytes.ts"
import type { Answer } from "../connection/Transport.ts"

/** What is read of it, so that its connection serves the next request: what ends within these bytes and milliseconds. */
const mostBytes = 65_536
const longest = 1000

/** Nobody waits: it is read beside what comes next, and ends with the scope. */
export const discard = (answer: Answer): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() =>
        answer
          .body$(new Gate())
          .pipe(
            limitBytes(mostBytes, () => undefined),
            takeUntil(timer(longest))
          )
          .subscribe({ error: () => undefined })
      ),
      (reading) => Effect.sync(() => reading.unsubscribe())
    )
  )
