/** Looking without pulling: what a reference stands for, the documents behind it, its neighbours. Nothing is stored. */

import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { from, map, type Observable } from "rxjs"
import type { LookOptions, ManifestOptions, ReferrersOptions } from "../api/config.ts"
import { InvalidReference, type Reason } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import type { ManifestDocument, OfferedPlatform, Referrer, Resolution } from "../api/Looking.ts"
import { type DescriptorLike, type Document, platformOf } from "../image/Descriptor.ts"
import { mayBeImage } from "../image/Index.ts"
import type { Manifest } from "../image/Manifest.ts"
import { isConfig } from "../image/mediaTypes.ts"
import { formatPlatform, normalizePlatform, type Platform, parsePlatform } from "../image/Platform.ts"
import { parseLocal } from "../image/reference/LocalReference.ts"
import { parse } from "../image/reference/Reference.ts"
import { type Lift, scoped$, within } from "../reactive/bridge.ts"
import type { IndexOrManifest } from "../registry/documents.ts"
import type { ListOptions } from "../registry/lists.ts"
import type { Registry } from "../registry/Registry.ts"
import { configOf, type DocumentSource, resolve } from "../registry/resolve.ts"
import { type Opening, originOf } from "../source/Origin.ts"

export interface LookingOptions {
  readonly registry: Registry["Service"]
  readonly sources: Opening
  readonly lift: Lift
}

/** Manifests that are asked for at once. */
const atOnce = 4
/** Manifests that are looked at for one reference: indexes can be wide. */
const mostManifests = 64
const deepest = 4

const sizeOf = ({ descriptor, value: { config, layers } }: Document<Manifest>): number => {
  const blobs = new Map([config, ...layers].map(({ digest, size }) => [digest as string, size]))
  return [...blobs.values()].reduce((sum, size) => sum + size, descriptor.size)
}

const offered = Effect.fnUntraced(function* (
  documents: DocumentSource,
  manifest: Document<Manifest>,
  told: Platform | undefined
): Effect.fn.Return<ReadonlyArray<OfferedPlatform>, Reason> {
  const { config, layers } = manifest.value
  const isKnown = told !== undefined && isConfig(config.mediaType)
  const found = isKnown ? undefined : yield* configOf(documents, manifest.value)
  if (!isKnown && found === undefined) return []
  const { os = "", architecture = "", variant } = told ?? found?.value ?? {}
  const platform = normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) })
  const { digest, mediaType } = manifest.descriptor
  return [
    {
      platform: os === "" || architecture === "" ? "unknown" : formatPlatform(platform),
      digest,
      mediaType,
      layers: layers.length,
      size: sizeOf(manifest)
    }
  ]
})

/** Everything beneath a document, in its order. */
const survey = (
  documents: DocumentSource,
  found: IndexOrManifest,
  told: Platform | undefined,
  notes: { manifests: number },
  depth = 1
): Effect.Effect<ReadonlyArray<OfferedPlatform>, Reason> =>
  Effect.gen(function* () {
    if (found._tag === "Manifest") return yield* offered(documents, found.document, told)
    const entries = found.document.value.manifests.filter(mayBeImage)
    const beneath = yield* Effect.forEach(
      entries,
      Effect.fnUntraced(function* (descriptor) {
        if (depth > deepest || ++notes.manifests > mostManifests) return []
        const below = yield* documents.manifest({ _tag: "Entry", descriptor })
        return yield* survey(documents, below, platformOf(descriptor), notes, depth + 1)
      }),
      { concurrency: atOnce }
    )
    return beneath.flat()
  })

const documentOf = (reference: string, descriptor: DescriptorLike, bytes: Uint8Array): ManifestDocument => ({
  reference,
  digest: descriptor.digest,
  mediaType: descriptor.mediaType,
  size: descriptor.size,
  text: Buffer.from(bytes).toString()
})

export const makeLook = ({ registry, sources, lift }: LookingOptions) => {
  const sourceOf = (text: string, { input }: LookOptions) => Effect.flatMap(originOf(text, { input }), sources.open)

  const resolution = Effect.fn("ociflow.resolve")(function* (
    text: string,
    options: LookOptions,
    emit: Emit
  ): Effect.fn.Return<Resolution, Reason, Scope.Scope> {
    const source = yield* sourceOf(text, options)
    const documents = source.documents(emit)
    const found = yield* documents.manifest(source.root)
    const { descriptor, value } = found.document
    return {
      reference: source.name,
      digest: descriptor.digest,
      mediaType: descriptor.mediaType,
      size: descriptor.size,
      platforms: yield* survey(documents, found, undefined, { manifests: 0 }),
      annotations: value.annotations ?? {}
    }
  }, Effect.scoped)

  const manifest = Effect.fn("ociflow.manifest")(function* (
    text: string,
    { platform, ...options }: ManifestOptions,
    emit: Emit
  ): Effect.fn.Return<ManifestDocument, Reason, Scope.Scope> {
    const source = yield* sourceOf(text, options)
    const documents = source.documents(emit)
    if (platform === undefined) {
      const { descriptor, bytes } = (yield* documents.manifest(source.root)).document
      return documentOf(source.name, descriptor, bytes)
    }
    const wanted = yield* parsePlatform(platform)
    const image = yield* resolve({
      source: documents,
      root: source.root,
      wanted,
      emit,
      blobBytes: Number.POSITIVE_INFINITY
    })
    return documentOf(source.name, image.manifest.descriptor, image.manifest.bytes)
  }, Effect.scoped)

  /** Of a file: the names of its images. */
  const tags$ = (text: string, { input }: LookOptions, asking: ListOptions): Observable<string> => {
    const asked = Effect.gen(function* () {
      const local = yield* parseLocal(text)
      return local === undefined
        ? registry.tags$(yield* parse(text), asking)
        : from(yield* sources.names(local, { input }))
    })
    return scoped$(within(lift, asking.context), asked, (tags$) => tags$)
  }

  const referrers$ = (text: string, { artifactType }: ReferrersOptions, asking: ListOptions): Observable<Referrer> => {
    const asked = Effect.gen(function* () {
      if ((yield* parseLocal(text)) !== undefined)
        return yield* new InvalidReference({ input: text, problem: "referrers are asked of registries" })
      const reference = yield* parse(text)
      return { reference, digest: yield* registry.digest(reference, asking.emit) }
    })
    return scoped$(within(lift, asking.context), asked, ({ reference, digest }) =>
      registry.referrers$(reference, digest, artifactType, asking)
    ).pipe(
      map(({ digest, mediaType, size, artifactType, annotations = {} }) => ({
        digest,
        mediaType,
        size,
        ...(artifactType === undefined ? {} : { artifactType }),
        annotations
      }))
    )
  }

  return { resolve: resolution, manifest, tags$, referrers$ }
}
