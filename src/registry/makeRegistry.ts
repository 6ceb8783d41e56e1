/** The service's parts, put together: transport, credentials, tokens; then documents and blobs over one session each. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { defer, type Observable, throwError } from "rxjs"
import { defaultLimits, defaultRetry, defaultTimeouts, type PullerOptions } from "../config.ts"
import { type Reason, SizeMismatch } from "../errors.ts"
import type { Emit } from "../events.ts"
import { lifting } from "../reactive/bridge.ts"
import type { Gate } from "../reactive/Gate.ts"
import type { Digest } from "../reference/Digest.ts"
import type { Reference } from "../reference/Reference.ts"
import { explainMapping, networkReference } from "../reference/sandboxes.ts"
import type { BlobDescriptor, BlobOptions } from "./BlobDescriptor.ts"
import { attempt } from "./blob.ts"
import { firstOf, fromDockerConfig, fromOptions } from "./Credentials.ts"
import { fetchConfig, fetchManifest, headDigest } from "./documents.ts"
import { endpointOf } from "./Endpoint.ts"
import type { Platform } from "./Platform.ts"
import type { ResolvedImage } from "./ResolvedImage.ts"
import { type DocumentSource, resolve } from "./resolve.ts"
import { resuming } from "./resuming.ts"
import { patience, retries } from "./retries.ts"
import { makeSession, type Schemes, type Session } from "./Session.ts"
import { makeTokens } from "./Tokens.ts"
import { makeTransport } from "./Transport.ts"

export type RegistryOptions = Pick<PullerOptions, "plainHttp" | "credentials" | "limits" | "timeouts" | "retry">

/** An option that is there and `undefined` is an option that is not there. */
const filled = <A extends object>(defaults: A, given: Partial<A> | undefined): A => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined))
})

export const makeRegistry = Effect.fnUntraced(function* (options: RegistryOptions) {
  const limit = filled(defaultLimits, options.limits).documentBytes
  const retry = filled(defaultRetry, options.retry)
  const transport = yield* makeTransport(filled(defaultTimeouts, options.timeouts))
  const tokens = yield* makeTokens(transport)
  const schemes: Schemes = new Map()
  const credentials = firstOf(fromOptions(options.credentials ?? {}), fromDockerConfig)
  const lift = yield* lifting()

  /** Credentials are looked up anew for each: people log in while a puller lives. */
  const sessionOf = Effect.fnUntraced(function* (reference: Reference, emit: Emit): Effect.fn.Return<Session> {
    const { registry, repository } = networkReference(reference)
    const login = Option.getOrUndefined(yield* credentials(registry, emit))
    const endpoint = endpointOf(registry, options.plainHttp === true)
    return makeSession({ transport, tokens, schemes }, endpoint, repository, login)
  })
  const retryingWith =
    (emit: Emit) =>
    <A>(effect: Effect.Effect<A, Reason>): Effect.Effect<A, Reason> =>
      Effect.retry(effect, retries(retry, emit))

  const resolveImage = Effect.fn("Registry.resolve")(function* (
    reference: Reference,
    wanted: Platform,
    emit: Emit
  ): Effect.fn.Return<ResolvedImage, Reason> {
    yield* explainMapping(reference)
    const session = yield* sessionOf(reference, emit)
    const retrying = retryingWith(emit)
    const source: DocumentSource = {
      manifest: (wanted) => retrying(fetchManifest(session, wanted, limit)),
      config: (descriptor) => retrying(fetchConfig(session, descriptor, limit))
    }
    return yield* resolve({ source, reference, wanted, emit })
  })

  const digest = Effect.fn("Registry.digest")(function* (
    reference: Reference,
    emit: Emit
  ): Effect.fn.Return<Digest, Reason> {
    if (reference.digest !== undefined) return reference.digest
    const session = yield* sessionOf(reference, emit)
    const tag = reference.tag ?? "latest"
    const retrying = retryingWith(emit)
    const told = yield* retrying(headDigest(session, tag))
    if (told !== undefined) return told
    const { document } = yield* retrying(fetchManifest(session, { _tag: "Tag", tag }, limit))
    return document.descriptor.digest
  })

  const blob$ = (
    reference: Reference,
    blob: BlobDescriptor,
    gate: Gate,
    { offset = 0, emit }: BlobOptions
  ): Observable<Uint8Array> => {
    const { digest, size } = blob
    if (offset > size) return throwError(() => new SizeMismatch({ subject: "blob", expected: size, actual: offset }))
    const source = { transport, lift, session: sessionOf(reference, emit) }
    return defer(() =>
      resuming({
        offset,
        size,
        attempt: (from) => attempt(source, blob, from, gate),
        wait: () => {
          const patient = patience(retries(retry, emit, digest))
          return (error, progressed) => lift(patient(error, progressed))
        }
      })
    )
  }

  return { resolve: resolveImage, digest, blob$ }
})
