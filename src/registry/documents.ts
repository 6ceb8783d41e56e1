/** Fetches a document and proves it: bounded, of the exact size and digest that named it, and of one kind only. */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Limits } from "../api/config.ts"
import {
  BlobNotFound,
  DigestMismatch,
  InvalidManifest,
  InvalidResponse,
  LimitExceeded,
  ManifestNotFound,
  type Reason,
  redactUrl,
  SizeMismatch
} from "../api/errors.ts"
import { ConfigJson } from "../image/ConfigJson.ts"
import type { DescriptorLike, Document } from "../image/Descriptor.ts"
import { boundsOfImages, decodeIndex, type IndexBounds } from "../image/decodeIndex.ts"
import { documentKindOf } from "../image/documentKind.ts"
import type { Index } from "../image/Index.ts"
import { inTurns } from "../image/inTurns.ts"
import { decodeAs, mostItems } from "../image/json/decodeAs.ts"
import { parseJson } from "../image/json/parseJson.ts"
import type * as Shape from "../image/json/Shape.ts"
import { admit as admitDecoding, type MayRead, reading } from "../image/LargeDocuments.ts"
import { Manifest } from "../image/Manifest.ts"
import { acceptManifests, withoutParameters } from "../image/mediaTypes.ts"
import { algorithmOf, type Digest, isDigest, isHashable, parseDigest } from "../image/reference/Digest.ts"
import type { Reference } from "../image/reference/Reference.ts"
import type { Session } from "./auth/Session.ts"
import { contentLength, headerOf, holdsDocument } from "./headers/readHeader.ts"
import type { FinalResponse } from "./http/followRedirects.ts"
import { isEncoded, isPage, pageInstead, readDocument } from "./http/readDocument.ts"

export const digestOf = (algorithm: string, bytes: Uint8Array) =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}` as Digest

/** The same, where the bytes may be many. */
const digestInTurns = Effect.fnUntraced(function* (algorithm: string, bytes: Uint8Array) {
  const hash = createHash(algorithm)
  yield* inTurns(bytes.length, (start, end) => Effect.sync(() => hash.update(bytes.subarray(start, end))))
  return `${algorithm}:${hash.digest("hex")}` as Digest
})

/** What is to be fetched: by a tag, by a digest alone, or by a descriptor, which knows the size too. */
export type DocumentRequest =
  | { readonly _tag: "Tag"; readonly tag: string }
  | { readonly _tag: "Pin"; readonly digest: Digest }
  | { readonly _tag: "Entry"; readonly descriptor: DescriptorLike }

/** What a reference names: by its digest where it has one. */
export const documentRequestOf = ({ tag = "latest", digest }: Reference): DocumentRequest =>
  digest === undefined ? { _tag: "Tag", tag } : { _tag: "Pin", digest }

const digestWanted = (wanted: DocumentRequest): Digest | undefined =>
  wanted._tag === "Entry" ? wanted.descriptor.digest : wanted._tag === "Pin" ? wanted.digest : undefined

const sizeOf = (wanted: DocumentRequest): number | undefined =>
  wanted._tag === "Entry" ? wanted.descriptor.size : undefined

/** The bytes, up to the bound: that of the configuration, or the size that the descriptor tells. */
const read = Effect.fnUntraced(function* (
  answer: FinalResponse,
  subject: string,
  limit: number,
  expected: number | undefined,
  mayRead: MayRead
): Effect.fn.Return<Uint8Array, Reason> {
  const tooLarge = new LimitExceeded({ limit: "documentBytes", maximum: limit, unit: "bytes", subject })
  const mismatch = (actual: number) => new SizeMismatch({ subject, expected: expected ?? 0, actual })
  const length = isEncoded(answer) ? undefined : contentLength(answer.headers)
  if (expected !== undefined && length !== expected && isPage(answer)) return yield* pageInstead(answer.url)
  if (expected !== undefined && length !== undefined && length !== expected) return yield* mismatch(length)
  if (length !== undefined && (length > limit || !mayRead(length))) return yield* tooLarge
  const bytes = yield* readDocument(answer, expected ?? limit, { mayRead }).pipe(
    Effect.catchTag(
      "TooLong",
      (): Effect.Effect<never, Reason> => Effect.fail(expected === undefined ? tooLarge : mismatch(expected + 1))
    )
  )
  return expected === undefined || bytes.length === expected ? bytes : yield* mismatch(bytes.length)
})

/** Refuses what would be too large, or could not be proven, before it is asked for. */
export const checkDescriptor = Effect.fnUntraced(function* (
  { digest, size }: DescriptorLike,
  subject: string,
  limit: number
) {
  yield* parseDigest(digest)
  if (size > limit) return yield* new LimitExceeded({ limit: "documentBytes", maximum: limit, unit: "bytes", subject })
})

const decode = <A>(
  schema: Shape.Shape<A>,
  json: unknown,
  digest: Digest,
  { layers }: DocumentLimits
): Effect.Effect<A, InvalidManifest> =>
  Effect.mapError(
    // Who allows more layers allows longer lists of them.
    decodeAs(schema, json, Math.max(mostItems, layers)),
    (problem) => new InvalidManifest({ digest, problem })
  )

/** Items of a list, by its key in any case. */
const itemsOf = (json: unknown, name: string): number => {
  const lists = Object.entries(Object(json)).filter(([key]) => key.toLowerCase() === name)
  return Math.max(0, ...lists.map(([, list]) => (Array.isArray(list) ? list.length : 0)))
}

/** Before each of them is looked at, which takes longer than all else. */
export const checkLayerDescriptors = (
  count: number,
  digest: Digest,
  limits: DocumentLimits
): Effect.Effect<void, LimitExceeded> =>
  count > limits.layers
    ? Effect.fail(
        new LimitExceeded({ limit: "layers", maximum: limits.layers, unit: "layers", subject: `image ${digest}` })
      )
    : Effect.void

/** What bounds a document. */
export interface DocumentLimits extends Pick<Limits, "documentBytes" | "layers"> {
  /** Default: those of an image's index. */
  readonly index?: IndexBounds
}

/** An index or a manifest. */
export type IndexOrManifest =
  | { readonly _tag: "Index"; readonly document: Document<Index> }
  | { readonly _tag: "Manifest"; readonly document: Document<Manifest> }

/** What is known of a document before it is read. */
export interface Expected {
  /** Absent where a tag alone named it. */
  readonly expected: Digest | undefined
  /** Where it came from, for errors. */
  readonly source: string
  readonly served: string
  readonly entry?: string
}

/** Proves the bytes of an index or a manifest, and reads them. */
export const readManifest = Effect.fnUntraced(function* (
  bytes: Uint8Array,
  { expected, source: url, ...told }: Expected,
  limits: DocumentLimits
): Effect.fn.Return<IndexOrManifest, Reason, Scope.Scope> {
  yield* admitDecoding(bytes.length)
  const digest = yield* digestInTurns(expected === undefined ? "sha256" : algorithmOf(expected), bytes)
  if (expected !== undefined && digest !== expected)
    return yield* new DigestMismatch({ subject: "manifest", expected, actual: digest })
  const { index = boundsOfImages } = limits
  const json = yield* parseJson(bytes, index.keys).pipe(
    Effect.mapError((problem) => new InvalidResponse({ url, problem }))
  )
  const { kind, mediaType } = yield* documentKindOf(json, { digest, ...told })
  const descriptor = { mediaType, digest, size: bytes.length }
  if (kind !== "index") yield* checkLayerDescriptors(itemsOf(json, "layers"), digest, limits)
  if (kind === "manifest")
    return { _tag: "Manifest", document: { descriptor, bytes, value: yield* decode(Manifest, json, digest, limits) } }
  const value = yield* Effect.mapError(
    decodeIndex(json, Math.max(index.entries, limits.layers)),
    (problem) => new InvalidManifest({ digest, problem })
  )
  return { _tag: "Index", document: { descriptor, bytes, value } }
}, Effect.scoped)

/** Proves the bytes of a config, and reads them. */
export const readConfig = Effect.fnUntraced(function* (
  bytes: Uint8Array,
  { mediaType, digest, size }: DescriptorLike,
  limits: DocumentLimits
): Effect.fn.Return<Document<ConfigJson>, Reason> {
  const actual = yield* digestInTurns(algorithmOf(digest), bytes)
  if (actual !== digest) return yield* new DigestMismatch({ subject: "config", expected: digest, actual })
  const json = yield* parseJson(bytes).pipe(Effect.mapError((problem) => new InvalidManifest({ digest, problem })))
  const rootfs = Object.entries(Object(json)).filter(([key]) => key.toLowerCase() === "rootfs")
  yield* checkLayerDescriptors(Math.max(0, ...rootfs.map(([, it]) => itemsOf(it, "diff_ids"))), digest, limits)
  return { descriptor: { mediaType, digest, size }, bytes, value: yield* decode(ConfigJson, json, digest, limits) }
})

const fetchAdmitted = Effect.fnUntraced(function* (
  session: Session,
  wanted: DocumentRequest,
  limits: DocumentLimits,
  mayRead: MayRead
): Effect.fn.Return<IndexOrManifest, Reason> {
  const named = digestWanted(wanted)
  const path = `manifests/${wanted._tag === "Tag" ? wanted.tag : named}`
  const { answer, bytes } = yield* Effect.gen(function* () {
    const answer = yield* session.ask({ method: "GET", path, headers: { accept: acceptManifests } })
    if (!holdsDocument(answer.status))
      return yield* session.refuse(answer, (url, words) => new ManifestNotFound({ url, ...words }))
    return { answer, bytes: yield* read(answer, "manifest", limits.documentBytes, sizeOf(wanted), mayRead) }
  }).pipe(Effect.scoped)

  const told = headerOf(answer.headers, "docker-content-digest")
  // A digest header proves nothing; it can only show that the bytes are not those that the registry meant.
  const expected = named ?? (told !== undefined && isDigest(told) && isHashable(told) ? told : undefined)
  const said = {
    expected,
    source: redactUrl(answer.url),
    served: withoutParameters(headerOf(answer.headers, "content-type") ?? ""),
    ...(wanted._tag === "Entry" ? { entry: wanted.descriptor.mediaType } : {})
  }
  return yield* readManifest(bytes, said, limits)
})

export const fetchManifest = Effect.fnUntraced(function* (
  session: Session,
  wanted: DocumentRequest,
  limits: DocumentLimits
): Effect.fn.Return<IndexOrManifest, Reason> {
  if (wanted._tag === "Entry") yield* checkDescriptor(wanted.descriptor, "manifest", limits.documentBytes)
  return yield* reading(sizeOf(wanted), (mayRead) => fetchAdmitted(session, wanted, limits, mayRead))
})

export const fetchConfig = Effect.fnUntraced(function* (
  session: Session,
  descriptor: DescriptorLike,
  limits: DocumentLimits
): Effect.fn.Return<Document<ConfigJson>, Reason> {
  const { digest, size } = descriptor
  const limit = limits.documentBytes
  yield* checkDescriptor(descriptor, "config", limit)
  const fetched = (mayRead: MayRead) =>
    Effect.gen(function* () {
      const answer = yield* session.ask({ method: "GET", path: `blobs/${digest}`, headers: {} })
      if (!holdsDocument(answer.status))
        return yield* session.refuse(answer, (url) => new BlobNotFound({ url, digest }))
      return yield* read(answer, "config", limit, size, mayRead)
    }).pipe(Effect.scoped)
  return yield* reading(size, (mayRead) =>
    Effect.flatMap(fetched(mayRead), (bytes) => readConfig(bytes, descriptor, limits))
  )
})

/** The digest behind a tag, by HEAD; `undefined` where the registry does not tell it so. */
export const headDigest = Effect.fnUntraced(function* (
  session: Session,
  tag: string
): Effect.fn.Return<Digest | undefined, Reason, Scope.Scope> {
  const answer = yield* session.ask({ method: "HEAD", path: `manifests/${tag}`, headers: { accept: acceptManifests } })
  if (answer.status === 429 || answer.status >= 500) return yield* session.refuse(answer, undefined)
  const told = headerOf(answer.headers, "docker-content-digest")
  return holdsDocument(answer.status) && told !== undefined && isDigest(told) && isHashable(told) ? told : undefined
}, Effect.scoped)
