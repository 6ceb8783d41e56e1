/**
 * Download permits, shared fairly between pulls. A returned permit goes to the pull that holds the fewest and, among
 * those, has waited longest. If none is returned for a while, a pull without one is let in beyond the limit, and keeps
 * that extra place until none of its layers is waiting. So a pull whose registry stalls cannot stop the others.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/** Milliseconds without a permit granted, after which a pull without one is let in. */
export const standstill = 5000

interface Ticket {
  readonly granted: Deferred.Deferred<void>
  /** It holds a permit, or is still in line. */
  state: "waiting" | "held"
}

interface Party {
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
  const waiting = new Set<Party>()
  let held = 0
  let given = 0

  const give = (party: Party): void => {
    const [ticket] = party.line
    if (ticket === undefined) return
    party.line.delete(ticket)
    // To the end of the line, if it wants more.
    waiting.delete(party)
    if (party.line.size > 0) waiting.add(party)
    ticket.state = "held"
    party.held += 1
    held += 1
    given += 1
    Deferred.doneUnsafe(ticket.granted, Effect.void)
  }

  const serve = (): void => {
    while (held < atOnce && waiting.size > 0) {
      const fewest = Math.min(...[...waiting].map((party) => party.held))
      for (const party of waiting)
        if (party.held === fewest) {
          give(party)
          break
        }
    }
  }

  /** Watches for a standstill. The first ticket of each pull without a permit does so. */
  const impatience = (party: Party, ticket: Ticket): Effect.Effect<never> =>
    Effect.gen(function* () {
      for (let before = given; ; before = given) {
        yield* Effect.sleep(standstill)
        const isFirst = party.held === 0 && [...party.line][0] === ticket
        if (given !== before || !isFirst) continue
        party.isExtra = true
        give(party)
      }
    })

  const leave = (party: Party, ticket: Ticket): void => {
    if (ticket.state === "waiting") {
      party.line.delete(ticket)
      if (party.line.size === 0) waiting.delete(party)
    } else {
      party.held -= 1
      held -= 1
      if (party.isExtra && party.held === 0) {
        if (party.line.size > 0) give(party)
        else party.isExtra = false
      }
    }
    serve()
  }

  return {
    forPull: () => {
      const party: Party = { line: new Set(), held: 0, isExtra: false }
      return {
        withPermit: (work) =>
          Effect.uninterruptibleMask((restore) =>
            Effect.suspend(() => {
              const ticket: Ticket = { granted: Deferred.makeUnsafe(), state: "waiting" }
              party.line.add(ticket)
              waiting.add(party)
              serve()
              const granted = Deferred.await(ticket.granted)
              const wait = ticket.state === "held" ? granted : Effect.raceFirst(granted, impatience(party, ticket))
              return restore(Effect.andThen(wait, work)).pipe(Effect.ensuring(Effect.sync(() => leave(party, ticket))))
            })
          )
      }
    }
  }
}
