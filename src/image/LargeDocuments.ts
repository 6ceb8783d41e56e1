/**
 * Large documents, of which a process has those of one image at a time: a document has 4 MiB at most, and is kept until its image
 * is recorded, so a hundred pulls at once would keep a hundred of them. Those of ordinary images are small and never wait.
 *
 * Each source of documents (each pull, each look-up) counts once. If none lets go for a while, nor reads much, the first that
 * waits goes ahead, as with downloads: a registry that stalls does not hold up the others.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { collectHeap } from "../seams/v8/collectHeap.ts"

/** Bytes from which on a document is large: some ten times as many as an image of a hundred layers has. */
export const largeDocument = 262_144
/** Sources that have large documents at once. */
export const mostSources = 1
/** Milliseconds in which none lets go or reads a mebibyte, after which one more goes ahead. */
export const patience = 10_000
const mebibyte = 2 ** 20

let held = 0
/** How often a source was admitted, has let go, or has read a mebibyte. */
let moves = 0
const waiting = new Set<Ticket>()

interface Ticket {
  readonly granted: Deferred.Deferred<void>
  isHeld: boolean
}

const serve = (): void => {
  for (const ticket of waiting) {
    if (held >= mostSources) return
    waiting.delete(ticket)
    held += 1
    moves += 1
    ticket.isHeld = true
    Deferred.doneUnsafe(ticket.granted, Effect.void)
  }
}

const leave = (ticket: Ticket): void => {
  waiting.delete(ticket)
  if (!ticket.isHeld) return
  ticket.isHeld = false
  held -= 1
  moves += 1
  collectHeap()
  serve()
}

/** Lets go when the scope closes. */
const ticketIn = Effect.fnUntraced(function* (scope: Scope.Scope) {
  const ticket: Ticket = { granted: Deferred.makeUnsafe(), isHeld: false }
  yield* Scope.addFinalizer(
    scope,
    Effect.sync(() => leave(ticket))
  )
  return ticket
})

const waitFor = Effect.fnUntraced(function* (ticket: Ticket) {
  waiting.add(ticket)
  serve()
  const goAhead = Effect.gen(function* () {
    for (let before: number | undefined; before !== moves; ) {
      before = moves
      yield* Effect.sleep(patience)
    }
    waiting.delete(ticket)
    moves += 1
  })
  if (!ticket.isHeld) yield* Effect.raceFirst(Deferred.await(ticket.granted), goAhead)
})

/** Whether it need not wait. */
const tryTake = (ticket: Ticket): boolean => {
  waiting.add(ticket)
  serve()
  return ticket.isHeld || !waiting.delete(ticket)
}

/** A source of documents, and how long it keeps them. */
interface Keeper {
  readonly scope: Scope.Scope
  admitted: boolean
}

const DocumentKeeper = Context.Reference<Keeper | undefined>("ociflow/image/DocumentKeeper", {
  defaultValue: () => undefined
})

/** The documents that these effects read are kept until the scope closes. */
export const keeping = (scope: Scope.Scope) => {
  const keeper: Keeper = { scope, admitted: false }
  return <A, E, R>(reading: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(reading, DocumentKeeper, keeper)
}

/**
 * Waits until a document of so many bytes may be decoded. A keeper of documents waits once; others hold their turn until the
 * scope closes. Nobody may hold a connection meanwhile.
 */
export const admit = Effect.fnUntraced(function* (bytes: number): Effect.fn.Return<void, never, Scope.Scope> {
  if (bytes <= largeDocument) return
  const keeper = yield* DocumentKeeper
  if (keeper === undefined) return yield* waitFor(yield* ticketIn(yield* Effect.scope))
  if (keeper.admitted) return
  keeper.admitted = true
  yield* waitFor(yield* ticketIn(keeper.scope))
})

/**
 * Counts each mebibyte that is read as a move: a busy machine may take longer than our patience for a document in small
 * pieces, without a registry that stalls. Called with the bytes so far, and with those that the answer says it will have.
 */
const countBytes = () => {
  let last = 0
  let read = 0
  return (length: number): void => {
    const piece = length - last
    last = length
    if (piece > 0 && piece < largeDocument) read += piece
    if (read < mebibyte) return
    read = 0
    moves += 1
  }
}

/** Whether so many bytes may be read. If not, what is read fails, in whatever way. */
export type MayRead = (bytes: number) => boolean

/**
 * Reads a document, and admits it before memory for a large one is taken. If its size is known, nothing is asked for before
 * that. If it is not, and others are being read, the answer is let go, so that no connection waits with it, and asked for
 * again. What `read` decodes is admitted with it.
 */
export const reading = <A, E, R>(
  bytes: number | undefined,
  read: (mayRead: MayRead) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.scopedWith((scope) =>
    Effect.gen(function* () {
      const keeper = (yield* DocumentKeeper) ?? { scope, admitted: false }
      const ticket = yield* ticketIn(keeper.scope)
      let isRefused = false
      const advance = countBytes()
      const mayRead: MayRead = (length) => {
        if (length > largeDocument && !keeper.admitted) keeper.admitted = tryTake(ticket)
        isRefused ||= length > largeDocument && !keeper.admitted
        advance(length)
        return !isRefused
      }
      const again = Effect.andThen(
        admit(Number.POSITIVE_INFINITY),
        Effect.suspend(() =>
          read((length) => {
            advance(length)
            return true
          })
        )
      )
      const once = Effect.catch(
        Effect.suspend(() => read(mayRead)),
        (error) => (isRefused ? again : Effect.fail(error))
      )
      return yield* Effect.andThen(admit(bytes ?? 0), once).pipe(
        Effect.provideService(Scope.Scope, scope),
        Effect.provideService(DocumentKeeper, keeper)
      )
    })
  ) as Effect.Effect<A, E, R>
