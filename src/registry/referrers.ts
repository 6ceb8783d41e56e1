/**
 * Artifacts attached to a manifest (OCI distribution-spec, "Listing Referrers"), as the registry lists them.
 *
 * Many registries have no such API, and say so in many ways. Then an index under a tag that is made of the digest lists
 * them ("Referrers Tag Schema"). Without such an index, nothing refers to the manifest. A refusal of all that the
 * repository holds, trouble, or a list that breaks off is an error: what cannot be told is not an empty list.
 */
import * as Effect from "effect/Effect"
import { catchError, concatMap, defer, filter, from, type Observable, throwError } from "rxjs"
import { InvalidResponse, isReason, ManifestNotFound, type Reason } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import type { Descriptor } from "../image/Descriptor.ts"
import { boundsOfReferrers, decodeIndex } from "../image/decodeIndex.ts"
import { asSpelled } from "../image/json/decodeAs.ts"
import { parseJson } from "../image/json/parseJson.ts"
import * as Shape from "../image/json/Shape.ts"
import { acceptManifests, isIndex, ociIndex } from "../image/mediaTypes.ts"
import { algorithmOf, type Digest, hexOf } from "../image/reference/Digest.ts"
import type { Reference } from "../image/reference/Reference.ts"
import { liftWithContext } from "../reactive/bridge.ts"
import { digestOf, fetchManifest } from "./documents.ts"
import { type Body, type Listing, type ListOptions, pages$ } from "./pages.ts"

/** The registry has no such thing, or does not know what it is asked for. */
const isAbsent = (reason: Reason): boolean => {
  switch (reason._tag) {
    case "ManifestNotFound":
      return true
    case "InvalidResponse":
      return reason.isPage === true
    case "RegistryError":
      return !reason.isRetryable
    case "AccessDenied":
      return reason.status === 401 && !reason.challenged
    default:
      return false
  }
}

/** Registries hide what is not there behind a refusal. */
const isAbsentTag = (reason: Reason): boolean =>
  isAbsent(reason) || reason._tag === "AccessDenied" || reason._tag === "UnsupportedMediaType"

/** `{}`, or the manifest itself: from a registry that answers anything. */
const isList = (json: unknown, { bytes }: Body, subject: Digest): boolean => {
  const { manifests, mediaType } = (json ?? {}) as Readonly<Record<string, unknown>>
  const named = manifests !== undefined || (typeof mediaType === "string" && isIndex(mediaType))
  return named && digestOf(algorithmOf(subject), bytes) !== subject
}

/** What tells a list. */
const List = Shape.Struct({ manifests: Shape.Unknown, mediaType: Shape.Unknown })

const entriesOf = (subject: Digest) =>
  Effect.fnUntraced(function* (body: Body): Effect.fn.Return<ReadonlyArray<Descriptor>, Reason> {
    const { bytes, url } = body
    const invalid = (problem: string) => new InvalidResponse({ url, problem })
    const json = yield* parseJson(bytes, boundsOfReferrers.keys).pipe(
      Effect.flatMap((json) => asSpelled(List, json)),
      Effect.mapError(invalid)
    )
    if (!isList(json, body, subject))
      return yield* new ManifestNotFound({ url, detail: "it did not send a list of referrers" })
    const { manifests } = yield* Effect.mapError(decodeIndex(json, boundsOfReferrers.entries), invalid)
    return manifests
  })

export const makeReferrers = ({ sources, lift, limits, page }: Listing) => {
  /** Fails where the repository may not be read at all. */
  const checkAccess = (reference: Reference, digest: Digest, emit: Emit) =>
    sources.ask(reference, "digest", emit, (session) =>
      Effect.asVoid(
        Effect.scoped(
          session.ask({ method: "HEAD", path: `manifests/${digest}`, headers: { accept: acceptManifests } })
        )
      )
    )

  const underTag$ = (reference: Reference, digest: Digest, { emit, context }: ListOptions): Observable<Descriptor> => {
    const tag = `${algorithmOf(digest).slice(0, 32)}-${hexOf(digest).slice(0, 64)}`
    const found = Effect.gen(function* () {
      const { _tag, document } = yield* sources.ask(reference, "tag", emit, (session) =>
        fetchManifest(session, { _tag: "Tag", tag }, { ...limits, index: boundsOfReferrers })
      )
      const isSubject = digestOf(algorithmOf(digest), document.bytes) === digest
      return _tag === "Manifest" || isSubject ? [] : document.value.manifests
    }).pipe(
      Effect.catch((reason: Reason): Effect.Effect<ReadonlyArray<Descriptor>, Reason> => {
        if (!isAbsentTag(reason)) return Effect.fail(reason)
        return Effect.as(reason._tag === "AccessDenied" ? checkAccess(reference, digest, emit) : Effect.void, [])
      })
    )
    return liftWithContext(lift, context)(found).pipe(concatMap((entries) => from(entries)))
  }

  /** Whatever the registry filters: what is not wanted is left out here. */
  const referrers$ = (
    reference: Reference,
    digest: Digest,
    artifactType: string | undefined,
    options: ListOptions
  ): Observable<Descriptor> => {
    const { emit, context, pages = Number.POSITIVE_INFINITY } = options
    const first = artifactType === undefined ? "" : new URLSearchParams({ artifactType }).toString()
    return defer(() => {
      let answered = false
      const bounds = { ...limits, listPages: Math.min(limits.listPages, pages) }
      return pages$(liftWithContext(lift, context), bounds, first, (query) =>
        Effect.tap(
          sources.ask(reference, "digest", emit, (session) =>
            page(session, `referrers/${digest}`, query, ociIndex, entriesOf(digest))
          ),
          () => {
            answered = true
            return Effect.void
          }
        )
      ).pipe(
        catchError((error) =>
          !answered && isReason(error) && isAbsent(error)
            ? underTag$(reference, digest, options)
            : throwError(() => error)
        )
      )
    }).pipe(filter((entry) => artifactType === undefined || entry.artifactType === artifactType))
  }
  return referrers$
}
