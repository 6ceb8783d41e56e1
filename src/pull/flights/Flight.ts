/**
 * Single flight: work that several callers want at the same time is done once for all of them. A caller that joins late
 * first gets the events so far. When the last caller leaves, the work is interrupted, and that caller waits until it
 * has ended.
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
   * Everything that the work depends on besides its key. A flight with other inputs (another registry, another diffID)
   * can fail for reasons of its own, so a caller that had only joined it then starts again.
   */
  readonly inputs: string
  /**
   * Of a layer: emitted to a caller that joins, before the replayed events. The events of its download are then `shared` for
   * all callers but the one that has been there longest.
   */
  readonly onJoin?: PullEvent
}

/** What a caller does once it stops waiting for another's flight. */
export interface Alternative<A, E, R> {
  /** Where our bytes come from. Only a flight with another place can be given up. */
  readonly place: string
  /** Completes when the caller has waited long enough. */
  readonly after: Effect.Effect<void, never, R>
  readonly work: Effect.Effect<A, E, R>
}

interface Listener {
  readonly emit: Emit
  /** Fails with what this listener's `emit` threw, so that no other caller fails. */
  readonly broken: Deferred.Deferred<never>
}

interface Flight<A, E> {
  readonly inputs: string
  readonly place: string | undefined
  readonly replay: Replay
  readonly listeners: Set<Listener>
  /** The span of the caller that started the flight, whose trace contains the work. */
  readonly span: Tracer.AnySpan | undefined
  readonly fiber: Fiber.Fiber<A, E>
}

export interface Flights<A, E> {
  /** The work's events go to the `PullEvents` of every caller that has joined. */
  readonly join: <R>(
    destination: FlightKey,
    work: Effect.Effect<A, E, R>,
    alternative?: Alternative<A, E, R>
  ) => Effect.Effect<A, E, R>
}

/** How a caller's wait ended. `Failed`: the flight had other inputs, and failed. */
type Outcome<A> =
  | { readonly _tag: "Done"; readonly value: A }
  | { readonly _tag: "Failed" }
  | { readonly _tag: "Waited" }

const asShared = (event: PullEvent): PullEvent =>
  event._tag === "LayerStarted" || event._tag === "LayerProgress" ? { ...event, shared: true } : event

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
    { key, inputs, onJoin }: FlightKey,
    place: string | undefined,
    span: Tracer.AnySpan | undefined,
    work: Effect.Effect<A, E, R>,
    context: Context.Context<R>
  ): Flight<A, E> => {
    const replay = new Replay()
    const listeners = new Set<Listener>()
    const emit: Emit = (event) => {
      replay.add(event)
      // A copy. A listener that joins meanwhile had this event replayed; one that leaves meanwhile gets no more.
      const shared = onJoin === undefined ? event : asShared(event)
      for (const [at, listener] of [...listeners].entries())
        if (listeners.has(listener)) tell(listener, at === 0 ? event : shared)
    }
    // Unlisted before it ends, so that nobody joins a finished flight.
    const unlist = Effect.sync(() => flights.get(key)?.replay === replay && flights.delete(key))
    // Starts one turn later, when its first caller has joined.
    const running = Effect.andThen(Effect.yieldNow, work).pipe(
      Effect.ensuring(unlist),
      Effect.provideContext(Context.add(context, PullEvents, emit))
    )
    const flight: Flight<A, E> = { inputs, place, replay, listeners, span, fiber: run(running) }
    flights.set(key, flight)
    return flight
  }

  const leave = ({ key, onJoin }: FlightKey, flight: Flight<A, E>, listener: Listener) =>
    Effect.suspend(() => {
      const [first] = flight.listeners
      flight.listeners.delete(listener)
      const [next] = flight.listeners
      // From now on the download is its own.
      const position = onJoin !== undefined && flights.get(key) === flight ? flight.replay.position : undefined
      if (next !== undefined && first === listener && position !== undefined) tell(next, position)
      if (next !== undefined) return Effect.void
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
        const isJoining = known !== undefined && to.onJoin !== undefined
        if (isJoining) tell(listener, to.onJoin)
        for (const event of flight.replay.events) tell(listener, isJoining ? asShared(event) : event)
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
      ({ flight, listener }) => leave(to, flight, listener)
    ).pipe(
      Effect.flatMap((outcome) => {
        if (outcome._tag === "Done") return Effect.succeed(outcome.value)
        if (outcome._tag === "Failed" || alternative === undefined) return join(to, work, alternative)
        // All callers that want it from this place share one flight.
        return join({ ...to, key: JSON.stringify([to.key, alternative.place]) }, alternative.work)
      })
    )

  const made: Flights<A, E> = { join }
  return made
})
