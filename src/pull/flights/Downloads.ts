/**
 * Download permits, shared fairly between pulls. A returned permit goes to the pull that holds the fewest and, among
 * those, has waited longest. If none is returned for a while, a pull without one is let in beyond the limit, and keeps
 * that extra place until none of its layers is waiting. So a pull whose registry stalls cannot stop the others.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/** Milliseconds without a permit granted, after which a pull without one is let in. */
export const starvationTimeout = 5000

interface Ticket {
  readonly granted: Deferred.Deferred<void>
  /** It holds a permit, or is still in line. */
  state: "waiting" | "held"
}

interface PullQueue {
  readonly line: Set<Ticket>
  held: number
  /** It was let in beyond the limit. */
  isExtra: boolean
}

/** The permits of one pull. */
export interface Permits {
  readonly withPermit: <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

export interface Downloads {
  readonly forPull: () => Permits
}

/** `atOnce` permits. */
export const makeDownloads = (atOnce: number): Downloads => {
  /** Waiting pulls, the longest-waiting first. */
  const waiting = new Set<PullQueue>()
  let held = 0
  let given = 0

  const give = (queue: PullQueue): void => {
    const [ticket] = queue.line
    if (ticket === undefined) return
    queue.line.delete(ticket)
    // To the end of the line, if it wants more.
    waiting.delete(queue)
    if (queue.line.size > 0) waiting.add(queue)
    ticket.state = "held"
    queue.held += 1
    held += 1
    given += 1
    Deferred.doneUnsafe(ticket.granted, Effect.void)
  }

  const serve = (): void => {
    while (held < atOnce && waiting.size > 0) {
      const fewest = Math.min(...[...waiting].map((queue) => queue.held))
      for (const queue of waiting)
        if (queue.held === fewest) {
          give(queue)
          break
        }
    }
  }

  /** Waits until no permit was given for `starvationTimeout`. The first ticket of each pull without a permit does so. */
  const onStarvation = (queue: PullQueue, ticket: Ticket): Effect.Effect<never> =>
    Effect.gen(function* () {
      for (let before = given; ; before = given) {
        yield* Effect.sleep(starvationTimeout)
        const isFirst = queue.held === 0 && [...queue.line][0] === ticket
        if (given !== before || !isFirst) continue
        queue.isExtra = true
        give(queue)
      }
    })

  const leave = (queue: PullQueue, ticket: Ticket): void => {
    if (ticket.state === "waiting") {
      queue.line.delete(ticket)
      if (queue.line.size === 0) waiting.delete(queue)
    } else {
      queue.held -= 1
      held -= 1
      if (queue.isExtra && queue.held === 0) {
        if (queue.line.size > 0) give(queue)
        else queue.isExtra = false
      }
    }
    serve()
  }

  return {
    forPull: () => {
      const queue: PullQueue = { line: new Set(), held: 0, isExtra: false }
      return {
        withPermit: (work) =>
          Effect.uninterruptibleMask((restore) =>
            Effect.suspend(() => {
              const ticket: Ticket = { granted: Deferred.makeUnsafe(), state: "waiting" }
              queue.line.add(ticket)
              waiting.add(queue)
              serve()
              const granted = Deferred.await(ticket.granted)
              const wait = ticket.state === "held" ? granted : Effect.raceFirst(granted, onStarvation(queue, ticket))
              return restore(Effect.andThen(wait, work)).pipe(Effect.ensuring(Effect.sync(() => leave(queue, ticket))))
            })
          )
      }
    }
  }
}
