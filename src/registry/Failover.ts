/** Asks the places that serve a repository, one after the other: mirrors once each, the registry itself with patience. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { catchError, concatMap, defer, type Observable, of, tap, throwError } from "rxjs"
import type { RetryOptions } from "../api/config.ts"
import { isReason, type Reason, RegistryUnreachable, redactUrl, SizeMismatch } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import type { Reference } from "../image/reference/Reference.ts"
import { networkReference } from "../image/reference/sandboxesIo.ts"
import { type Lift, liftWithContext } from "../reactive/bridge.ts"
import type { Gate } from "../reactive/Gate.ts"
import type { Endpoint } from "./address/Endpoint.ts"
import type { KnownCredentials } from "./auth/Credentials.ts"
import { makeSession, type Session, type SessionServices } from "./auth/Session.ts"
import type { BlobDescriptor, BlobOptions } from "./blob/BlobDescriptor.ts"
import { attempt } from "./blob/blob.ts"
import type { ForeignAddresses } from "./blob/ForeignAddresses.ts"
import { HostsWithoutRanges } from "./blob/HostsWithoutRanges.ts"
import { type Body, inOrder } from "./blob/inOrder.ts"
import { RangesIgnored } from "./blob/openBlob.ts"
import { resumeBody } from "./blob/resumeBody.ts"
import { segmentBytes, segments } from "./blob/segments.ts"
import type { OnWait } from "./connection/HostBackoff.ts"
import { isTooSlow } from "./connection/RateMonitor.ts"
import type { Hosts, Mirror } from "./hosts/Hosts.ts"
import type { Mirrors } from "./hosts/Mirrors.ts"
import { makeBackoff, retries } from "./http/retries.ts"

export interface FailoverOptions extends SessionServices {
  readonly hosts: Hosts
  readonly mirrors: Mirrors
  readonly foreign: ForeignAddresses
  readonly credentials: KnownCredentials
  readonly retry: RetryOptions
  /** Requests for one blob at once. */
  readonly ranges: number
  /** Bytes: an attempt that brings fewer counts like one that brings none. */
  readonly minimumRate: number
  readonly lift: Lift
}

export interface Failover {
  /** Of the first place that can: `use` is tried with each. */
  readonly ask: <A>(
    reference: Reference,
    wanted: "tag" | "digest",
    emit: Emit,
    use: (session: Session) => Effect.Effect<A, Reason>
  ) => Effect.Effect<A, Reason>
  /** A body that breaks at one place is continued at the next. */
  readonly blob$: (
    reference: Reference,
    blob: BlobDescriptor,
    gate: Gate,
    options: BlobOptions
  ) => Observable<Uint8Array>
}

/** A wait is told as what it is: a request that comes later, since an earlier one was refused. */
const reportWait =
  ({ registry }: Endpoint, emit: Emit, digest?: string): OnWait =>
  (millis, host = registry) =>
    Effect.sync(() => {
      const message = `${host} asked for a pause`
      const layer = digest === undefined ? {} : { digest }
      emit({ _tag: "Retrying", ...layer, attempt: 1, delay: Math.round(millis), reason: "RateLimited", message })
    })

/** Nobody waits for a mirror: the next place is asked. */
const failOnWait =
  (endpoint: Endpoint): OnWait =>
  (millis, host = "it") => {
    const problem = `${host} asked for a pause of ${Math.ceil(millis / 1000)} s more`
    return new RegistryUnreachable({ url: redactUrl(endpoint.origin), problem })
  }

/** The next place is asked at once. */
class TryNextMirror {}

export const makeFailover = (options: FailoverOptions): Failover => {
  const { hosts, mirrors, foreign, credentials, retry, ranges, minimumRate, lift: ownLift, transport } = options
  /** A host that sends a little, again and again, is one that sends nothing. */
  const renews = (error: unknown, brought: number) =>
    brought >= Math.max(1, minimumRate) &&
    !(isReason(error) && error._tag === "BlobInterrupted" && isTooSlow(error.cause))
  const rangeless = new HostsWithoutRanges()

  /** Credentials are looked up for the host that is asked: a mirror never sees those of the registry behind it. */
  const sessionAt = Effect.fnUntraced(function* (
    endpoint: Endpoint,
    repository: string,
    emit: Emit,
    waiting: OnWait
  ): Effect.fn.Return<Session, Reason> {
    const target = { registry: endpoint.registry, repository }
    const login = Option.getOrUndefined(yield* credentials.find(target, emit))
    const session = makeSession(options, endpoint, repository, login, emit, waiting)
    // Changed or revoked meanwhile, perhaps: who tries again is not to be shown the same for a minute.
    const ask: Session["ask"] = (request) =>
      Effect.tapError(session.ask(request), (reason) =>
        reason._tag === "AccessDenied" && reason.authenticated ? credentials.forget(target) : Effect.void
      )
    return { ...session, ask }
  })

  const ask: Failover["ask"] = Effect.fnUntraced(function* <A>(
    reference: Reference,
    wanted: "tag" | "digest",
    emit: Emit,
    use: (session: Session) => Effect.Effect<A, Reason>
  ): Effect.fn.Return<A, Reason> {
    const { registry, repository } = networkReference(reference)
    const places = yield* hosts.of(registry, emit)
    const at = (endpoint: Endpoint, waiting: OnWait) =>
      Effect.flatMap(sessionAt(endpoint, repository, emit, waiting), use)
    for (const mirror of yield* mirrors.ready(places, { tag: wanted === "tag" })) {
      const found = yield* at(mirror.endpoint, failOnWait(mirror.endpoint)).pipe(
        Effect.map(Option.some),
        Effect.catch((reason) => Effect.as(mirrors.failed(mirror, reason, emit), Option.none<A>()))
      )
      if (Option.isSome(found)) return found.value
    }
    return yield* Effect.retry(at(places.origin, reportWait(places.origin, emit)), retries(retry, emit))
  })

  const blob$: Failover["blob$"] = (reference, blob, gate, { offset = 0, end, emit, context }) => {
    const lift = liftWithContext(ownLift, context)
    const { digest, size } = blob
    const { registry, repository } = networkReference(reference)
    if (offset > size) return throwError(() => new SizeMismatch({ subject: "blob", expected: size, actual: offset }))
    const broken = new Set(foreign.wrong(digest))
    const at = (endpoint: Endpoint, waiting: OnWait) => ({
      transport,
      lift,
      rangeless,
      broken,
      served: (url: string) => foreign.served(blob, url),
      session: sessionAt(endpoint, repository, emit, waiting)
    })
    const { urls: _, ...alone } = blob

    const fromMirror = (mirror: Mirror, from: number, to: number | undefined, gate: Gate, pass: () => void) =>
      attempt(at(mirror.endpoint, failOnWait(mirror.endpoint)), alone, from, gate, to).pipe(
        tap(() => mirrors.served(mirror, digest)),
        catchError((reason) => {
          const isLeftOut = reason instanceof RangesIgnored && end !== undefined
          if (isLeftOut || isReason(reason)) pass()
          if (isLeftOut) return throwError(() => new TryNextMirror())
          if (!isReason(reason)) return throwError(() => reason)
          return lift(mirrors.failed(mirror, reason, emit, digest)).pipe(
            concatMap(() => throwError(() => new TryNextMirror()))
          )
        })
      )

    const places = Effect.gen(function* () {
      const places = yield* hosts.of(registry, emit)
      return { origin: places.origin, ready: yield* mirrors.ready(places, { tag: false, blob: digest }) }
    })
    return defer(() => lift(places)).pipe(
      concatMap(({ origin, ready }) => {
        let left = ready
        /** The bytes from `from` on, and with `to` only those before it. */
        const part = (from: number, to: number | undefined, gate: Gate) =>
          resumeBody({
            offset: from,
            size: to ?? size,
            attempt: (from) => {
              const [mirror] = left
              if (mirror === undefined)
                return attempt(at(origin, reportWait(origin, emit, digest)), blob, from, gate, to)
              return fromMirror(mirror, from, to, gate, () => {
                left = left.filter((it) => it !== mirror)
              })
            },
            wait: () => {
              const backoff = makeBackoff(retries(retry, emit, digest))
              return (error, brought) =>
                error instanceof TryNextMirror ? of(undefined) : lift(backoff(error, renews(error, brought)))
            }
          })
        if (end !== undefined) return part(offset, end, gate)
        const bytes = segmentBytes(ranges)
        const { origin: first } = ready[0]?.endpoint ?? origin
        if (ranges < 2 || rangeless.has(first) || size - offset <= bytes) return part(offset, undefined, gate)
        const bodies = function* (): Generator<Body> {
          for (const [from, to] of segments(offset, size, bytes)) yield (gate) => part(from, to, gate)
        }
        let seen = offset
        return inOrder(bodies(), ranges, gate).pipe(
          tap((chunk) => {
            seen += chunk.length
          }),
          catchError((error) => {
            if (!(error instanceof RangesIgnored)) return throwError(() => error)
            return part(seen, undefined, gate)
          })
        )
      })
    )
  }

  return { ask, blob$ }
}
