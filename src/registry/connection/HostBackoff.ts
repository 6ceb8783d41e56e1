/**
 * How all pulls together spare a host that is busy or broken.
 *
 * Where it asks for quiet (429 or 503 with `Retry-After`), nobody asks it before the time is over. Where it does not
 * answer at all, again and again, it is not asked for a while: whoever wants it fails at once, instead of waiting for one
 * more time limit.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { RateLimited, RegistryError, RegistryUnreachable, redactUrl } from "../../api/errors.ts"
import { retryAfter } from "../headers/readHeader.ts"
import type { Response } from "./exchange.ts"

/**
 * Called with the milliseconds that a host asked for, before they are waited for. Where it fails, nothing is waited for.
 * `host` is another one than was to be asked: the server of its tokens.
 */
export type OnWait = (millis: number, host?: string) => Effect.Effect<void, RegistryUnreachable>

/** Why a host is not asked now. */
export type NotAsked = RegistryUnreachable | RateLimited | RegistryError

export interface HostBackoff {
  /** Milliseconds, from now on, that the host asked for and that will be waited for. */
  readonly quietFor: (url: URL) => Effect.Effect<number>
  /** Waits until the host may be asked; fails while it is taken for down, or asked for more time than is waited. */
  readonly before: (url: URL, waiting?: OnWait) => Effect.Effect<void, NotAsked>
  /** It answered before: it is there, and speaks as it is spoken to. */
  readonly isKnown: (url: URL) => boolean
  readonly answered: (url: URL, answer: Response) => Effect.Effect<void>
  readonly failed: (url: URL, problem: string) => Effect.Effect<void>
}

interface Host {
  /** Milliseconds since the epoch. */
  quietUntil: number
  /** Until when it asked for quiet: later than that where it asked for more than is waited. */
  askedUntil: number
  /** That it asked so with. */
  status: number
  downUntil: number
  failures: number
  known: boolean
  problem: string
}

/** Connections that fail in a row before a host is taken for down. One pull alone, with its retries, fails less often. */
const patience = 12
/** Milliseconds that it is not asked then; after them one failure more is enough. */
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
    const made = { quietUntil: 0, askedUntil: 0, status: 0, downUntil: 0, failures: 0, known: false, problem: "" }
    hosts.set(origin, made)
    return made
  }
  return {
    quietFor: (url) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const { quietUntil, askedUntil } = hostOf(url)
        return askedUntil > quietUntil ? 0 : Math.max(0, quietUntil - now)
      }),
    before: Effect.fnUntraced(function* (url, waiting = () => Effect.void) {
      const host = hostOf(url)
      for (let now = yield* Clock.currentTimeMillis; now < host.quietUntil; now = yield* Clock.currentTimeMillis) {
        const millis = host.quietUntil - now
        if (host.askedUntil > host.quietUntil) return yield* refused(url, host, now)
        yield* waiting(millis)
        yield* Effect.sleep(millis)
      }
      if ((yield* Clock.currentTimeMillis) >= host.downUntil) return
      const problem = `${host.problem}; after ${host.failures} failures it is not asked for some seconds`
      return yield* new RegistryUnreachable({ url: redactUrl(url), problem })
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
      // What is too long is remembered for as long as would be waited: then the host is asked again.
      host.quietUntil = Math.max(host.quietUntil, now + Math.min(wait, maxWait))
    }),
    failed: Effect.fnUntraced(function* (url, problem) {
      const host = hostOf(url)
      host.failures++
      host.problem = problem
      if (host.failures >= patience) host.downUntil = (yield* Clock.currentTimeMillis) + rest
    })
  }
}
