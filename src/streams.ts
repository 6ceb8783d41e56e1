/**
 * `ociflow/streams`: the sequences of a `Puller` as Effect's streams. It stands apart, since `effect/Stream` is large and few
 * programs need it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import type { EntriesOptions, LookOptions, PullOptions, ReferrersOptions, TreeOptions, Watching } from "./api/config.ts"
import { PullError } from "./api/errors.ts"
import type { PullEvent } from "./api/events.ts"
import type { Referrer } from "./api/results/Lookup.ts"
import { Puller } from "./Puller.ts"
import type { Entry } from "./read/entries/Entry.ts"
import { Demand } from "./registry/Demand.ts"

type Chunk<A> = readonly [A, ...Array<A>]

const isChunk = <A>(values: ReadonlyArray<A>): values is Chunk<A> => values.length > 0

/**
 * What `run` hands to its second argument. Runs in a fiber of the stream, with the services of the one that consumes it, and is
 * interrupted when that stops. `add` appends a value to those that nobody has taken yet.
 */
const streamOf = <A>(
  run: (puller: Puller["Service"], next: (value: A) => void) => Effect.Effect<unknown, PullError>,
  add: (pending: Array<A>, value: A) => void = (pending, value) => void pending.push(value)
): Stream.Stream<A, PullError, Puller> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const puller = yield* Puller
      const wanted = Latch.makeUnsafe()
      const changed = Latch.makeUnsafe()
      let pending: Array<A> = []
      let end: Exit.Exit<unknown, PullError> | undefined
      const next = (value: A) => {
        wanted.closeUnsafe()
        add(pending, value)
        changed.openUnsafe()
      }
      const ended = (exit: typeof end) =>
        Effect.sync(() => {
          end = exit
          changed.openUnsafe()
        })
      yield* run(puller, next).pipe(
        Effect.provideService(Demand, wanted.await),
        Effect.onExit(ended),
        Effect.forkScoped({ startImmediately: true })
      )
      const take: Effect.Effect<Chunk<A>, PullError | Cause.Done> = Effect.suspend(() => {
        const taken = pending
        if (isChunk(taken)) {
          pending = []
          return Effect.succeed(taken)
        }
        if (end !== undefined) return Exit.isSuccess(end) ? Cause.done() : Effect.failCause(end.cause)
        changed.closeUnsafe()
        wanted.openUnsafe()
        return Effect.andThen(changed.await, take)
      })
      return Stream.fromPull(Effect.succeed(take))
    })
  )

/** Of a layer, only the latest progress waits to be taken. */
const addEvent = (pending: Array<PullEvent>, event: PullEvent): void => {
  const isSame = (it: PullEvent) => it._tag === "LayerProgress" && "digest" in event && it.digest === event.digest
  const at = event._tag === "LayerProgress" ? pending.findLastIndex(isSame) : -1
  if (at < 0) pending.push(event)
  else pending[at] = event
}

/**
 * A pull as its events; the last, `Pulled`, carries the image. Running the stream pulls, and ending it early cancels. The pull
 * waits for nobody: to a slow consumer, progress of a layer that the next overtook is not told.
 */
export const pull = (
  reference: string,
  options?: PullOptions & Watching
): Stream.Stream<PullEvent, PullError, Puller> =>
  streamOf((puller, next) => puller.pull(reference, options, next), addEvent)

/** The tags of a reference's repository. A page is requested when those of the page before were consumed. */
export const tags = (reference: string, options?: LookOptions & Watching): Stream.Stream<string, PullError, Puller> =>
  streamOf((puller, next) => puller.forEachTag(reference, next, options))

/** Artifacts attached to the image, as the registry lists them; page by page as `tags`. */
export const referrers = (
  reference: string,
  options?: ReferrersOptions & Watching
): Stream.Stream<Referrer, PullError, Puller> =>
  streamOf((puller, next) => puller.forEachReferrer(reference, next, options))

/** Values that are asked for one by one. */
const asked = <A>(
  iterate: (puller: Puller["Service"]) => AsyncIterable<A>,
  options: Watching | undefined
): Stream.Stream<A, PullError, Puller> =>
  Stream.unwrap(
    Puller.use((puller) => Effect.succeed(Stream.fromAsyncIterable(iterate(puller), (error) => error)))
  ).pipe(
    Stream.catch((error) => {
      if (error instanceof PullError) return Stream.fail(error)
      return Stream.fromEffect(options?.signal?.aborted === true ? Effect.interrupt : Effect.die(error))
    })
  )

/**
 * The entries of an image's layers, lowest layer first, as `Puller.entries` gives them: each is read when it is asked for,
 * and can be read until the next one is. So read a body in the step that gets its entry, before any `Stream.buffer`. The
 * stream is interrupted where the signal is aborted.
 */
export const entries = (
  reference: string,
  options?: EntriesOptions & Watching
): Stream.Stream<Entry, PullError, Puller> => asked((puller) => puller.entries(reference, options), options)

/** The tree that a container sees, as `Puller.tree` gives it: each path once. As for `entries`, read a body in the step that gets its entry. */
export const tree = (reference: string, options?: TreeOptions & Watching): Stream.Stream<Entry, PullError, Puller> =>
  asked((puller) => puller.tree(reference, options), options)
