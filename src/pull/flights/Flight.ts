/**
 * Single flight: a work that several want at the same time is done once, for all of them. Whoever joins late is told how far
 * it is. The work is interrupted when the last one leaves, who then waits until it is over.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import type { Emit, PullEvent } from "../../api/events.ts"
import { PullEvents } from "../events/PullEvents.ts"
import { Replay } from "./Replay.ts"

/** What is wanted. */
export interface FlightKey {
  readonly key: string
  /**
   * All that the work depends on beside its key. A flight that began with other inputs (another registry, another claim)
   * may fail for reasons of its own: whoever had only joined it then begins anew.
   */
  readonly inputs: string
  /** Told to who joins, before how far it is. */
  readonly onJoin?: PullEvent
}

/** What somebody does alone who does not wait for others any longer. */
export interface Alternative<A, E, R> {
  /** Only a flight that began at another place is not waited for. */
  readonly place: string
  /** Done when it has waited enough. */
  readonly after: Effect.Effect<void, never, R>
  readonly work: Effect.Effect<A, E, R>
}

interface Listener {
  readonly emit: Emit
  /** Failed with what its own `emit` threw: that is nobody else's failure. */
  readonly broken: Deferred.Deferred<never>
}

interface Flight<A, E> {
  readonly inputs: string
  readonly place: string | undefined
  readonly replay: Replay
  readonly listeners: Set<Listener>
  /** That whoever began it was in: its trace holds what the flight does. */
  readonly span: Tracer.AnySpan | undefined
  readonly fiber: Fiber.Fiber<A, E>
}

export interface Flights<A, E> {
  /** The events of the work go to the `PullEvents` of each one that has joined. */
  readonly join: <R>(
    destination: FlightKey,
    work: Effect.Effect<A, E, R>,
    alternative?: Alternative<A, E, R>
  ) => Effect.Effect<A, E, R>
}

/** How one left: of `Failed`, the flight had other inputs. */
type Outcome<A> =
  | { readonly _tag: "Done"; readonly value: A }
  | { readonly _tag: "Failed" }
  | { readonly _tag: "Waited" }

const tell = (listener: Listener, event: PullEvent): void => {
  try {
    listener.emit(event)
  } catch (defect) {
    Deferred.doneUnsafe(listener.broken, Effect.die(defect))
  }
}

/** Flights end with the scope. */
export const makeFlights = Effect.fnUntraced(function* <A, E>() {
  const run = yield* FiberSet.makeRuntime()
  const flights = new Map<string, Flight<A, E>>()

  const begin = <R>(
    { key, inputs }: FlightKey,
    place: string | undefined,
    span: Tracer.AnySpan | undefined,
    work: Effect.Effect<A, E, R>,
    context: Context.Context<R>
  ): Flight<A, E> => {
    const replay = new Replay()
    const listeners = new Set<Listener>()
    const emit: Emit = (event) => {
      replay.add(event)
      // Who joins meanwhile has heard it with what was replayed; who left meanwhile hears no more.
      for (const listener of [...listeners]) if (listeners.has(listener)) tell(listener, event)
    }
    // Off the list before it ends: nobody joins what is over.
    const unlist = Effect.sync(() => flights.get(key)?.replay === replay && flights.delete(key))
    // After a turn: the one who begins it has joined by then.
    const running = Effect.andThen(Effect.yieldNow, work).pipe(
      Effect.ensuring(unlist),
      Effect.provideContext(Context.add(context, PullEvents, emit))
    )
    const flight: Flight<A, E> = { inputs, place, replay, listeners, span, fiber: run(running) }
    flights.set(key, flight)
    return flight
  }

  const leave = (key: string, flight: Flight<A, E>, listener: Listener) =>
    Effect.suspend(() => {
      flight.listeners.delete(listener)
      if (flight.listeners.size > 0) return Effect.void
      if (flights.get(key) === flight) flights.delete(key)
      return Fiber.interrupt(flight.fiber)
    })

  const join = <R>(
    to: FlightKey,
    work: Effect.Effect<A, E, R>,
    alternative?: Alternative<A, E, R>
  ): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      Effect.map(Effect.all([Effect.context<R>(), Effect.option(Effect.currentSpan)]), ([context, current]) => {
        const span = Option.getOrUndefined(current)
        const known = flights.get(to.key)
        const flight = known ?? begin(to, alternative?.place, span, work, context)
        if (known?.span !== undefined && known.span !== span) span?.addLinks([{ span: known.span, attributes: {} }])
        const listener: Listener = { emit: Context.get(context, PullEvents), broken: Deferred.makeUnsafe() }
        if (known !== undefined && to.onJoin !== undefined) tell(listener, to.onJoin)
        for (const event of flight.replay.events) tell(listener, event)
        flight.listeners.add(listener)
        return { flight, listener, isOthers: known !== undefined && known.inputs !== to.inputs }
      }),
      ({ flight, listener, isOthers }): Effect.Effect<Outcome<A>, E, R> => {
        const done = Effect.map(
          Effect.raceFirst(Fiber.join(flight.fiber), Deferred.await(listener.broken)),
          (value): Outcome<A> => ({ _tag: "Done", value })
        )
        const outcome = isOthers ? Effect.orElseSucceed(done, (): Outcome<A> => ({ _tag: "Failed" })) : done
        if (!isOthers || alternative === undefined || alternative.place === flight.place) return outcome
        return Effect.raceFirst(
          outcome,
          Effect.map(alternative.after, (): Outcome<A> => ({ _tag: "Waited" }))
        )
      },
      ({ flight, listener }) => leave(to.key, flight, listener)
    ).pipe(
      Effect.flatMap((outcome) => {
        if (outcome._tag === "Done") return Effect.succeed(outcome.value)
        if (outcome._tag === "Failed" || alternative === undefined) return join(to, work, alternative)
        // All that want it from there go together.
        return join({ ...to, key: JSON.stringify([to.key, alternative.place]) }, alternative.work)
      })
    )

  const made: Flights<A, E> = { join }
  return made
})
