/**
 * Spares a busy or broken host, over all pulls of a client.
 *
 * If a host asks for a pause (429 or 503 with `Retry-After`), it gets no request until the pause is over. If it does
 * not answer at all, again and again, it gets no request for a while: pulls that need it fail at once, instead of
 * waiting for one more timeout.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { RateLimited, RegistryError, RegistryUnreachable, redactUrl } from "../../api/errors.ts"
import { retryAfter } from "../headers/retryAfter.ts"
import type { Response } from "./exchange.ts"

/**
 * Called before a pause that a host asked for, with its milliseconds. If it fails, there is no waiting. `host`: the one
 * that asked, if it is another than the one requested: the token server.
 */
export type OnWait = (millis: number, host?: string) => Effect.Effect<void, RegistryUnreachable>

/** Why a host is not asked now. */
export type HostUnavailable = RegistryUnreachable | RateLimited | RegistryError

export interface HostBackoff {
  /** Milliseconds left of the pause that the host asked for, if it will be waited for. */
  readonly remainingPause: (url: URL) => Effect.Effect<number>
  /** Waits until the host may be asked. Fails while it counts as down, or if its pause is longer than `maxWait`. */
  readonly waitUntilReady: (url: URL, waiting?: OnWait) => Effect.Effect<void, HostUnavailable>
  /** It has answered before, so it is there, and speaks the protocol that was used. */
  readonly isKnown: (url: URL) => boolean
  readonly answered: (url: URL, answer: Response) => Effect.Effect<void>
  readonly failed: (url: URL, error: Pick<RegistryUnreachable, "problem" | "remedy">) => Effect.Effect<void>
}

interface Host {
  /** Milliseconds since the epoch. */
  quietUntil: number
  /** The end of the pause that it asked for; later than `quietUntil` if that is longer than `maxWait`. */
  askedUntil: number
  /** The status of that answer. */
  status: number
  downUntil: number
  failures: number
  known: boolean
  problem: string
  remedy: string | undefined
}

/** Failures in a row after which a host counts as down. One pull alone, with its retries, has fewer. */
const patience = 12
/** Milliseconds without a request then; after them, one more failure is enough. */
const rest = 10_000
const capacity = 1000

const refused = (url: URL, { askedUntil, status }: Host, now: number): RateLimited | RegistryError => {
  const told = { url: redactUrl(url), retryAfterMillis: askedUntil - now }
  return status === 429 ? new RateLimited(told) : new RegistryError({ ...told, status })
}

/** `maxWait`: of the option `retry`. */
export const makeHostBackoff = (maxWait: number): HostBackoff => {
  const hosts = new Map<string, Host>()
  const hostOf = ({ origin }: URL): Host => {
    const known = hosts.get(origin)
    if (known !== undefined) return known
    if (hosts.size >= capacity) hosts.clear()
    const made = {
      ...{ quietUntil: 0, askedUntil: 0, status: 0, downUntil: 0, failures: 0, known: false },
      ...{ problem: "", remedy: undefined }
    }
    hosts.set(origin, made)
    return made
  }
  return {
    remainingPause: (url) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const { quietUntil, askedUntil } = hostOf(url)
        return askedUntil > quietUntil ? 0 : Math.max(0, quietUntil - now)
      }),
    waitUntilReady: Effect.fnUntraced(function* (url, waiting = () => Effect.void) {
      const host = hostOf(url)
      for (let now = yield* Clock.currentTimeMillis; now < host.quietUntil; now = yield* Clock.currentTimeMillis) {
        const millis = host.quietUntil - now
        if (host.askedUntil > host.quietUntil) return yield* refused(url, host, now)
        yield* waiting(millis)
        yield* Effect.sleep(millis)
      }
      if ((yield* Clock.currentTimeMillis) >= host.downUntil) return
      const problem = `${host.problem}; after ${host.failures} failures, no request is sent to it for some seconds`
      const { remedy } = host
      return yield* new RegistryUnreachable({
        url: redactUrl(url),
        problem,
        ...(remedy === undefined ? {} : { remedy })
      })
    }),
    isKnown: (url) => hostOf(url).known,
    answered: Effect.fnUntraced(function* (url, { status, headers }) {
      const host = hostOf(url)
      host.failures = 0
      host.known = true
      if (status !== 429 && status !== 503) return
      const now = yield* Clock.currentTimeMillis
      const wait = retryAfter(headers, now)
      if (wait === undefined || (now < host.quietUntil && now + wait < host.askedUntil)) return
      host.askedUntil = now + wait
      host.status = status
      // A pause that is too long is remembered for `maxWait` only; then the host is asked again.
      host.quietUntil = Math.max(host.quietUntil, now + Math.min(wait, maxWait))
    }),
    failed: Effect.fnUntraced(function* (url, { problem, remedy }) {
      const host = hostOf(url)
      host.failures++
      host.problem = problem
      host.remedy = remedy
      if (host.failures >= patience) host.downUntil = (yield* Clock.currentTimeMillis) + rest
    })
  }
}
