/** The service's parts, put together: transport, credentials, tokens, hosts; then documents and blobs from each place. */
import * as Effect from "effect/Effect"
import { defaultLimits, defaultRetry, defaults, defaultTimeouts, filled, type PullerOptions } from "../api/config.ts"
import { InvalidOption, type Reason } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import type { Platform } from "../image/Platform.ts"
import type { ResolvedImage } from "../image/ResolvedImage.ts"
import type { Digest } from "../image/reference/Digest.ts"
import type { Reference } from "../image/reference/Reference.ts"
import { explainMapping } from "../image/reference/sandboxesIo.ts"
import { makeLift } from "../reactive/bridge.ts"
import { makeCredentials } from "./auth/Credentials.ts"
import { makeTokens } from "./auth/Tokens.ts"
import { blobSize } from "./blob/blobSize.ts"
import { ForeignAddresses } from "./blob/ForeignAddresses.ts"
import { makeTransport } from "./connection/Transport.ts"
import { type DocumentRequest, documentRequestOf, fetchConfig, fetchManifest, headDigest } from "./documents.ts"
import { makeFailover } from "./Failover.ts"
import { makeHosts } from "./hosts/Hosts.ts"
import { makeMirrors } from "./hosts/Mirrors.ts"
import { userAgent } from "./http/userAgent.ts"
import { makeLists } from "./lists.ts"
import { makeProxy } from "./proxy/Proxy.ts"
import { type DocumentSource, resolve } from "./resolve.ts"

export type RegistryOptions = Pick<
  PullerOptions,
  | "plainHttp"
  | "ranges"
  | "credentials"
  | "hosts"
  | "hostsDirs"
  | "proxy"
  | "connections"
  | "limits"
  | "timeouts"
  | "retry"
>

/** What it takes to ask any host: connections, tokens, and what is known of hosts and credentials. */
export const makeNetwork = Effect.fnUntraced(function* (options: RegistryOptions) {
  const hosts = yield* makeHosts(options)
  const retry = filled(defaultRetry, options.retry)
  const transport = yield* makeTransport({
    timeouts: filled(defaultTimeouts, options.timeouts),
    connections: options.connections,
    maxWait: retry.maxWait,
    userAgent: yield* userAgent,
    proxyFor: yield* makeProxy(options.proxy).pipe(
      Effect.mapError((problem) => new InvalidOption({ option: "proxy", problem }))
    ),
    tlsOfHost: hosts.tls
  })
  return {
    hosts,
    transport,
    tokens: yield* makeTokens(transport),
    schemes: new Map(),
    credentials: yield* makeCredentials(options.credentials),
    retry
  }
})

export const makeRegistry = Effect.fnUntraced(function* (options: RegistryOptions) {
  const limits = filled(defaultLimits, options.limits)
  const mirrors = makeMirrors()
  const foreign = new ForeignAddresses()
  const lift = yield* makeLift()
  const sources = makeFailover({
    ...(yield* makeNetwork(options)),
    mirrors,
    foreign,
    lift,
    minimumRate: filled(defaultTimeouts, options.timeouts).minimumRate,
    ranges: options.ranges ?? defaults.ranges
  })

  const manifestOf = (reference: Reference, emit: Emit) => (wanted: DocumentRequest) =>
    sources.ask(reference, wanted._tag === "Tag" ? "tag" : "digest", emit, (session) =>
      fetchManifest(session, wanted, limits)
    )

  const documents = (reference: Reference, emit: Emit): DocumentSource => ({
    manifest: manifestOf(reference, emit),
    config: (descriptor) =>
      sources.ask(reference, "digest", emit, (session) => fetchConfig(session, descriptor, limits))
  })

  const resolveImage = Effect.fnUntraced(function* (
    reference: Reference,
    wanted: Platform,
    emit: Emit
  ): Effect.fn.Return<ResolvedImage, Reason> {
    yield* explainMapping(reference)
    return {
      reference,
      ...(yield* resolve({
        source: documents(reference, emit),
        root: documentRequestOf(reference),
        wanted,
        emit,
        blobBytes: limits.blobBytes
      }))
    }
  })

  const digest = Effect.fnUntraced(function* (reference: Reference, emit: Emit): Effect.fn.Return<Digest, Reason> {
    if (reference.digest !== undefined) return reference.digest
    const tag = reference.tag ?? "latest"
    return yield* sources.ask(reference, "tag", emit, (session) =>
      Effect.gen(function* () {
        const told = yield* headDigest(session, tag)
        if (told !== undefined) return told
        const { document } = yield* fetchManifest(session, { _tag: "Tag", tag }, limits)
        return document.descriptor.digest
      })
    )
  })

  return {
    resolve: resolveImage,
    digest,
    documents,
    ...makeLists({ sources, lift, limits }),
    blob$: sources.blob$,
    blobSize: (reference: Reference, digest: Digest, emit: Emit) =>
      sources.ask(reference, "digest", emit, (session) => blobSize(session, digest)),
    reportMismatch: (digest: Digest, emit: Emit) =>
      Effect.map(mirrors.reportMismatch(digest, emit), (canRetry) => foreign.reportMismatch(digest) || canRetry)
  }
})
