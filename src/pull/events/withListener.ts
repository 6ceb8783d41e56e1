/** Sends a call's events to its listener, in the same way for every function of a puller. */
import { AsyncResource } from "node:async_hooks"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Watching } from "../../api/config.ts"
import type { Emit, Warning } from "../../api/events.ts"
import { LogWarnings, sanitizeEvents } from "../../api/sanitizeEvents.ts"
import { PullEvents } from "./PullEvents.ts"

/** Warnings that are logged where they occur, not here. */
const logged: ReadonlySet<string> = new Set(["PlatformFallback", "PlatformMismatch"])

const logOf = (context: Context.Context<never>) => {
  const log = Effect.runForkWith(context)
  return ({ code, message, digest }: Warning) =>
    void log(Effect.annotateLogs(Effect.logWarning(message), { code, ...(digest === undefined ? {} : { digest }) }))
}

/**
 * Sends the work's events to a listener, in the async context of its own call, not of the call that it shares work
 * with. What the listener throws ends its own call only.
 */
export const withListener =
  (listen: Emit | undefined) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.gen(function* () {
      const log = (yield* LogWarnings) ? logOf(yield* Effect.context<never>()) : undefined
      if (listen === undefined && log === undefined) return yield* work
      const broken = Deferred.makeUnsafe<never>()
      const tell = AsyncResource.bind(
        sanitizeEvents((event) => {
          if (event._tag === "Warning" && !logged.has(event.code)) log?.(event)
          listen?.(event)
        })
      )
      let isBroken = false
      const emit: Emit = (event) => {
        if (isBroken) return
        try {
          tell(event)
        } catch (defect) {
          isBroken = true
          Deferred.doneUnsafe(broken, Effect.die(defect))
        }
      }
      const result = yield* Effect.raceFirst(Effect.provideService(work, PullEvents, emit), Deferred.await(broken))
      return isBroken ? yield* Deferred.await(broken) : result
    })

/** The options without `signal` and `onEvent`. */
export const withoutListener = <A extends Watching>({ signal: _, onEvent: __, ...rest }: A): Omit<A, keyof Watching> =>
  rest
