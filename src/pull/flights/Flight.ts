/**
 * One flight: a work that several want at the same time is done once, for all of them. Whoever boards late is told how far
 * it is; it is interrupted when the last one leaves, and that one waits until it is over.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import type { Emit } from "../../api/events.ts"
import { Replay } from "./Replay.ts"

/** What is wanted. */
export interface FlightKey {
  readonly key: string
  /**
   * All that the work depends on beside its key. A flight that began in other words (another registry, another claim)
   * may fail for reasons of its own: whoever had only joined it then begins anew.
   */
  readonly inputs: string
}

/** What a passenger does for itself that does not wait for others any longer. */
export interface Alternative<A, E> {
  /** Only one that began at another place is not waited for. */
  readonly place: string
  /** Done when it has waited enough. */
  readonly after: Effect.Effect<void>
  readonly work: (emit: Emit) => Effect.Effect<A, E>
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
  readonly join: (
    destination: FlightKey,
    emit: Emit,
    work: (emit: Emit) => Effect.Effect<A, E>,
    own?: Alternative<A, E>
  ) => Effect.Effect<A, E>
}

/** How a passenger left: of `Failed`, the flight was none of its own words. */
type Left<A> =
  | { readonly _tag: "Arrived"; readonly value: A }
  | { readonly _tag: "Failed" }
  | { readonly _tag: "Waited" }

const tell = (listener: Listener, event: Parameters<Emit>[0]): void => {
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

  const begin = (
    { key, inputs }: FlightKey,
    place: string | undefined,
    span: Tracer.AnySpan | undefined,
    work: (emit: Emit) => Effect.Effect<A, E>
  ): Flight<A, E> => {
    const replay = new Replay()
    const listeners = new Set<Listener>()
    const emit: Emit = (event) => {
      replay.add(event)
      // Who boards meanwhile has heard it with what was replayed; who left meanwhile hears no more.
      for (const listener of [...listeners]) if (listeners.has(listener)) tell(listener, event)
    }
    // After a turn: the one who begins it is aboard by then. Off the list before it ends: nobody joins what is over.
    const unlist = Effect.sync(() => flights.get(key)?.replay === replay && flights.delete(key))
    const running = Effect.andThen(Effect.yieldNow, work(emit)).pipe(Effect.ensuring(unlist))
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

  const join: Flights<A, E>["join"] = (to, emit, work, own) =>
    Effect.acquireUseRelease(
      Effect.all([Effect.context<never>(), Effect.option(Effect.currentSpan)]).pipe(
        Effect.map(([context, current]) => {
          const span = Option.getOrUndefined(current)
          const known = flights.get(to.key)
          const flight = known ?? begin(to, own?.place, span, (emit) => Effect.provideContext(work(emit), context))
          if (known?.span !== undefined && known.span !== span) span?.addLinks([{ span: known.span, attributes: {} }])
          const listener: Listener = { emit, broken: Deferred.makeUnsafe() }
          for (const event of flight.replay.events) tell(listener, event)
          flight.listeners.add(listener)
          return { flight, passenger: listener, others: known !== undefined && known.inputs !== to.inputs }
        })
      ),
      ({ flight, passenger: listener, others }): Effect.Effect<Left<A>, E> => {
        const arrived = Effect.map(
          Effect.raceFirst(Fiber.join(flight.fiber), Deferred.await(listener.broken)),
          (value): Left<A> => ({ _tag: "Arrived", value })
        )
        const arrival = others ? Effect.orElseSucceed(arrived, (): Left<A> => ({ _tag: "Failed" })) : arrived
        if (!others || own === undefined || own.place === flight.place) return arrival
        return Effect.raceFirst(
          arrival,
          Effect.map(own.after, (): Left<A> => ({ _tag: "Waited" }))
        )
      },
      ({ flight, passenger }) => leave(to.key, flight, passenger)
    ).pipe(
      Effect.flatMap((left) => {
        if (left._tag === "Arrived") return Effect.succeed(left.value)
        if (left._tag === "Failed" || own === undefined) return join(to, emit, work, own)
        // All that want it from there go together.
        return join({ ...to, key: JSON.stringify([to.key, own.place]) }, emit, own.work)
      })
    )

  const made: Flights<A, E> = { join }
  return made
})
