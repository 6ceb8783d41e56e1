/** Looking up without pulling: what a reference stands for, the documents behind it, the tags beside it. Nothing is stored. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { from, map } from "rxjs"
import type { LookOptions, ManifestOptions, ReferrersOptions } from "../api/config.ts"
import { InvalidReference, type Reason } from "../api/errors.ts"
import type { ManifestDocument, OfferedPlatform, Referrer, Resolution } from "../api/results/Lookup.ts"
import { type DescriptorLike, type Document, platformOf, totalSize } from "../image/Descriptor.ts"
import { mayBeImage } from "../image/Index.ts"
import type { Manifest } from "../image/Manifest.ts"
import { isConfig } from "../image/mediaTypes.ts"
import { formatPlatform, normalizePlatform, type Platform, parsePlatform } from "../image/Platform.ts"
import { parse } from "../image/reference/Reference.ts"
import type { IndexOrManifest } from "../registry/documents.ts"
import { Registry } from "../registry/Registry.ts"
import { configOf, type DocumentSource, resolve } from "../registry/resolve.ts"
import { parseLocal } from "../source/file/LocalReference.ts"
import { originOf } from "../source/Origin.ts"
import { PullEvents } from "./events/PullEvents.ts"
import { ImageSources } from "./ImageSources.ts"

/** Manifests that are asked for at once. */
const atOnce = 4
/** Manifests that are looked at for one reference: indexes can be wide. */
const mostManifests = 64
const deepest = 4

const sizeOf = ({ descriptor, value: { config, layers } }: Document<Manifest>): number => {
  const blobs = new Map([config, ...layers].map((blob) => [blob.digest as string, blob]))
  return totalSize([descriptor, ...blobs.values()])
}

const platformOfManifest = Effect.fnUntraced(function* (
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

/** The platforms of all manifests beneath a document, in its order. */
const platformsIn = (
  documents: DocumentSource,
  found: IndexOrManifest,
  told: Platform | undefined,
  notes: { manifests: number },
  depth = 1
): Effect.Effect<ReadonlyArray<OfferedPlatform>, Reason> =>
  Effect.gen(function* () {
    if (found._tag === "Manifest") return yield* platformOfManifest(documents, found.document, told)
    const entries = found.document.value.manifests.filter(mayBeImage)
    const beneath = yield* Effect.forEach(
      entries,
      Effect.fnUntraced(function* (descriptor) {
        if (depth > deepest || ++notes.manifests > mostManifests) return []
        const below = yield* documents.manifest({ _tag: "Entry", descriptor })
        return yield* platformsIn(documents, below, platformOf(descriptor), notes, depth + 1)
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

const openSource = Effect.fnUntraced(function* (text: string, { input }: LookOptions) {
  const origin = yield* originOf(text, { input })
  return yield* (yield* ImageSources).open(origin)
})

/** What a reference stands for now: digest, platforms, sizes. */
export const resolveReference = Effect.fn("ociflow.resolve")(function* (
  text: string,
  options: LookOptions
): Effect.fn.Return<Resolution, Reason, ImageSources | Scope.Scope> {
  const source = yield* openSource(text, options)
  const documents = source.documents(yield* PullEvents)
  const found = yield* documents.manifest(source.root)
  const { descriptor, value } = found.document
  return {
    reference: source.name,
    digest: descriptor.digest,
    mediaType: descriptor.mediaType,
    size: descriptor.size,
    platforms: yield* platformsIn(documents, found, undefined, { manifests: 0 }),
    annotations: value.annotations ?? {}
  }
}, Effect.scoped)

/** The document that a reference names or, with a platform, the manifest for that platform. */
export const readManifest = Effect.fn("ociflow.manifest")(function* (
  text: string,
  { platform, ...options }: ManifestOptions
): Effect.fn.Return<ManifestDocument, Reason, ImageSources | Scope.Scope> {
  const emit = yield* PullEvents
  const source = yield* openSource(text, options)
  const documents = source.documents(emit)
  if (platform === undefined) {
    const { descriptor, bytes } = (yield* documents.manifest(source.root)).document
    return documentOf(source.name, descriptor, bytes)
  }
  const image = yield* resolve({
    source: documents,
    root: source.root,
    wanted: yield* parsePlatform(platform),
    emit,
    blobBytes: Number.POSITIVE_INFINITY
  })
  return documentOf(source.name, image.manifest.descriptor, image.manifest.bytes)
}, Effect.scoped)

/** The tags of a repository; of a file, the names of its images. */
export const tagsOf = Effect.fnUntraced(function* (text: string, { input }: LookOptions) {
  const local = yield* parseLocal(text)
  if (local !== undefined) return from(yield* (yield* ImageSources).names(local, { input }))
  const context = yield* Effect.context<never>()
  return (yield* Registry).tags$(yield* parse(text), { emit: yield* PullEvents, context })
})

/** Artifacts attached to the image, as the registry lists them. */
export const referrersOf = Effect.fnUntraced(function* (text: string, { artifactType }: ReferrersOptions) {
  if ((yield* parseLocal(text)) !== undefined)
    return yield* new InvalidReference({ input: text, problem: "only a registry has referrers" })
  const registry = yield* Registry
  const emit = yield* PullEvents
  const reference = yield* parse(text)
  const digest = yield* registry.digest(reference, emit)
  const context = yield* Effect.context<never>()
  return registry.referrers$(reference, digest, artifactType, { emit, context }).pipe(
    map(
      ({ digest, mediaType, size, artifactType, annotations = {} }): Referrer => ({
        digest,
        mediaType,
        size,
        ...(artifactType === undefined ? {} : { artifactType }),
        annotations
      })
    )
  )
})
