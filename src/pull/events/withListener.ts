/** Who hears of a call's events, and what ends it from outside: the same for everything that a puller does. */
import { AsyncResource } from "node:async_hooks"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { Observable } from "rxjs"
import type { Watching } from "../../api/config.ts"
import type { Emit, Warning } from "../../api/events.ts"
import { LogWarnings, telling } from "../../api/telling.ts"
import { onAbort } from "../../reactive/onAbort.ts"
import { PullEvents } from "./PullEvents.ts"

/** Logged where they are found, for every face. */
const logged: ReadonlySet<string> = new Set(["PlatformFallback", "PlatformMismatch"])

const logOf = (context: Context.Context<never>) => {
  const log = Effect.runForkWith(context)
  return ({ code, message, digest }: Warning) =>
    void log(Effect.annotateLogs(Effect.logWarning(message), { code, ...(digest === undefined ? {} : { digest }) }))
}

/**
 * A listener hears the events of a work, in the async context of the call and not in that of whoever shares the work. What
 * it throws ends this call and no other.
 */
export const heard =
  (listen: Emit | undefined) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.gen(function* () {
      const log = (yield* LogWarnings) ? logOf(yield* Effect.context<never>()) : undefined
      if (listen === undefined && log === undefined) return yield* work
      const broken = Deferred.makeUnsafe<never>()
      const tell = AsyncResource.bind(
        telling((event) => {
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

/** Fails with the signal's reason when that is aborted. */
export const abortable$ =
  (signal: AbortSignal | undefined) =>
  <A>(source: Observable<A>): Observable<A> =>
    signal === undefined
      ? source
      : new Observable((sink) => {
          if (signal.aborted) return sink.error(signal.reason)
          sink.add(onAbort(signal, () => sink.error(signal.reason)))
          sink.add(source.subscribe(sink))
        })

/** What is asked for, without who watches. */
export const unwatched = <A extends Watching>({ signal: _, onEvent: __, ...rest }: A): Omit<A, keyof Watching> => rest
