/**
 * Reference → index → platform → manifest → config, each proven by what named it.
 *
 * Entries of an index are tried in the order of their fitness: those whose platform serves the wanted one, best first,
 * then those that do not tell, which have to be looked at. An index within an index is descended into. An image without
 * an index is taken for what it is: where its config names another platform, a warning says so, as docker's does.
 */

import * as Effect from "effect/Effect"
import { counted } from "../api/counted.ts"
import { InvalidManifest, LimitExceeded, NotAnImage, PlatformNotFound, printable, type Reason } from "../api/errors.ts"
import type { Emit, Warning } from "../api/events.ts"
import type { ConfigJson } from "../image/ConfigJson.ts"
import { type Descriptor, type DescriptorLike, type Document, platformOf } from "../image/Descriptor.ts"
import { type Index, isAttestation, mayBeImage, senselessEntry } from "../image/Index.ts"
import { artifactTypeOf, type Manifest } from "../image/Manifest.ts"
import { emptyConfig, isConfig, isGenericType } from "../image/mediaTypes.ts"
import { fitness, formatPlatform, normalizePlatform, type Platform } from "../image/Platform.ts"
import type { FoundImage, ResolvedLayer } from "../image/ResolvedImage.ts"
import { parseDigest } from "../image/reference/Digest.ts"
import type { DocumentRequest, IndexOrManifest } from "./documents.ts"

/** Levels of indexes. An index cannot hold itself, its digest being of its bytes; it can be deep. */
const deepest = 4
/** Documents that are looked at for one image; indexes can be wide as well. */
const mostDocuments = 32

/** Where documents come from, each proven by what named it; failures in passing were tried again. */
export interface DocumentSource {
  readonly manifest: (wanted: DocumentRequest) => Effect.Effect<IndexOrManifest, Reason>
  readonly config: (descriptor: DescriptorLike) => Effect.Effect<Document<ConfigJson>, Reason>
}

export interface Resolve {
  readonly source: DocumentSource
  /** What names the image: an index, or a manifest. */
  readonly root: DocumentRequest
  readonly wanted: Platform
  readonly emit: Emit
  /** Bytes that a layer's blob may have by its descriptor; `LimitExceeded`. */
  readonly blobBytes: number
}

/** A manifest that serves, and what was said of its platform. */
interface Chosen {
  readonly manifest: Document<Manifest>
  readonly config: Document<ConfigJson>
  readonly platform: Platform
}

const platformOfConfig = ({ os, architecture, variant, ...config }: ConfigJson, fallback: Platform): Platform =>
  normalizePlatform({
    os: os || fallback.os,
    architecture: architecture || fallback.architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(config["os.version"] === undefined ? {} : { osVersion: config["os.version"] })
  })

/** The layers of a manifest with the diff ids of its config: as many of the one as of the other. */
export const layersOf = Effect.fnUntraced(function* (
  manifest: Document<Manifest>,
  config: Document<ConfigJson>,
  blobBytes: number
): Effect.fn.Return<ReadonlyArray<ResolvedLayer>, Reason> {
  const { layers } = manifest.value
  const { diff_ids: diffIds } = config.value.rootfs
  const layered: Array<ResolvedLayer> = []
  for (const [position, { mediaType, digest, size, urls }] of layers.entries()) {
    const diffId = diffIds[position]
    if (diffId === undefined || layers.length !== diffIds.length) break
    if (size > blobBytes)
      return yield* new LimitExceeded({
        limit: "blobBytes",
        maximum: blobBytes,
        unit: "bytes of blob",
        subject: digest
      })
    const where = urls === undefined || urls.length === 0 ? {} : { urls }
    layered.push({
      digest: yield* parseDigest(digest),
      diffId: yield* parseDigest(diffId),
      mediaType,
      size,
      ...where
    })
  }
  if (layered.length === layers.length && layers.length === diffIds.length) return layered
  const problem = `the manifest has ${counted(layers.length, "layer")}, but the config has ${counted(diffIds.length, "diff ID")}`
  return yield* new InvalidManifest({ digest: manifest.descriptor.digest, problem })
})

/**
 * The config of a manifest, whatever it is called: what is read as the config of an image is one. `undefined` for an
 * artifact's, which names no layers of a root file system.
 */
export const configOf = Effect.fnUntraced(function* (
  source: DocumentSource,
  { config: descriptor }: Manifest
): Effect.fn.Return<Document<ConfigJson> | undefined, Reason> {
  const { mediaType } = descriptor
  if (isConfig(mediaType)) return yield* source.config(descriptor)
  if (mediaType === emptyConfig) return undefined
  const config = yield* source.config(descriptor).pipe(
    // Of another type, it may be anything, and of any size.
    Effect.catchTags({ InvalidManifest: () => Effect.undefined, LimitExceeded: () => Effect.undefined })
  )
  const { os, architecture, rootfs } = config?.value ?? { rootfs: { diff_ids: [] } }
  const tells = isGenericType(mediaType) && os !== undefined && architecture !== undefined
  return tells || rootfs.diff_ids.length > 0 ? config : undefined
})

/** Manifest, then config. A manifest of something else than an image ends here. */
const withConfig = Effect.fnUntraced(function* (
  { source, wanted }: Resolve,
  manifest: Document<Manifest>,
  named: Platform | undefined
): Effect.fn.Return<Chosen, Reason> {
  const config = yield* configOf(source, manifest.value)
  if (config === undefined)
    return yield* new NotAnImage({
      digest: manifest.descriptor.digest,
      artifactType: artifactTypeOf(manifest.value)
    })
  return { manifest, config, platform: named ?? platformOfConfig(config.value, wanted) }
})

/** An entry that does not tell its platform comes last and is looked at. */
const rankOf = (wanted: Platform, offered: Platform | undefined) =>
  offered === undefined ? Number.POSITIVE_INFINITY : fitness(wanted, offered)

/** The entries worth looking at, the fittest first. */
const candidates = ({ value }: Document<Index>, wanted: Platform): ReadonlyArray<Descriptor> =>
  value.manifests
    .filter(mayBeImage)
    .map((entry) => ({ entry, rank: rankOf(wanted, platformOf(entry)) }))
    .filter((it): it is typeof it & { readonly rank: number } => it.rank !== undefined)
    .sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank))
    .map(({ entry }) => entry)

/** Looks through an index; what it offered is noted, for the error. */
const choose = (
  resolve: Resolve,
  index: Document<Index>,
  depth: number,
  notes: { readonly offered: Set<string>; documents: number }
): Effect.Effect<Chosen | undefined, Reason> =>
  Effect.gen(function* () {
    const { source, wanted } = resolve
    const invalid = (problem: string) => new InvalidManifest({ digest: index.descriptor.digest, problem })
    if (depth > deepest) return yield* invalid(`indexes are nested more than ${deepest} deep`)
    for (const entry of index.value.manifests) {
      const platform = platformOf(entry)
      if (platform !== undefined && !isAttestation(entry))
        notes.offered.add(formatPlatform(normalizePlatform(platform)))
    }
    for (const entry of candidates(index, wanted)) {
      if (++notes.documents > mostDocuments)
        return yield* invalid(`more than ${mostDocuments} documents had to be looked at`)
      const found = yield* source.manifest({ _tag: "Entry", descriptor: entry })
      if (found._tag === "Index") {
        const chosen = yield* choose(resolve, found.document, depth + 1, notes)
        if (chosen !== undefined) return chosen
        continue
      }
      const told = platformOf(entry)
      const chosen = yield* withConfig(resolve, found.document, told && normalizePlatform(told))
      if (fitness(wanted, chosen.platform) !== undefined) return chosen
      notes.offered.add(formatPlatform(chosen.platform))
    }
    return undefined
  })

/** Another platform than was asked for is what people look for in a log when a container does not start. */
const warn = ({ emit }: Resolve, warning: Warning) =>
  Effect.sync(() => emit(warning)).pipe(
    Effect.andThen(Effect.logWarning(warning.message)),
    Effect.annotateLogs({ code: warning.code })
  )

const single = Effect.fnUntraced(function* (resolve: Resolve, manifest: Document<Manifest>) {
  const { wanted } = resolve
  const chosen = yield* withConfig(resolve, manifest, undefined)
  if (fitness(wanted, chosen.platform) === undefined)
    yield* warn(resolve, {
      _tag: "Warning",
      code: "PlatformMismatch",
      digest: manifest.descriptor.digest,
      message: `the image is for ${printable(formatPlatform(chosen.platform), 100)} only; ${formatPlatform(wanted)} was requested`
    })
  return chosen
})

const among = Effect.fnUntraced(function* (resolve: Resolve, index: Document<Index>): Effect.fn.Return<Chosen, Reason> {
  const { wanted } = resolve
  const notes = { offered: new Set<string>(), documents: 0 }
  const chosen = yield* choose(resolve, index, 1, notes)
  if (chosen === undefined) {
    const senseless = yield* senselessEntry(index.bytes)
    if (senseless !== undefined)
      return yield* new InvalidManifest({ digest: index.descriptor.digest, problem: senseless })
    const offered = [...notes.offered].slice(0, 50).map((platform) => printable(platform, 100))
    return yield* new PlatformNotFound({ wanted: formatPlatform(wanted), offered })
  }
  if (chosen.platform.architecture !== normalizePlatform(wanted).architecture)
    yield* warn(resolve, {
      _tag: "Warning",
      code: "PlatformFallback",
      digest: chosen.manifest.descriptor.digest,
      message: `no manifest for ${formatPlatform(wanted)}; using ${formatPlatform(chosen.platform)}, which it can run`
    })
  return chosen
})

export const resolve = Effect.fnUntraced(function* (request: Resolve): Effect.fn.Return<FoundImage, Reason> {
  const root: IndexOrManifest = yield* request.source.manifest(request.root)
  const chosen = yield* root._tag === "Index" ? among(request, root.document) : single(request, root.document)
  const layers = yield* layersOf(chosen.manifest, chosen.config, request.blobBytes)
  return {
    digest: root.document.descriptor.digest,
    ...chosen,
    ...(root._tag === "Index" ? { index: root.document } : {}),
    layers
  }
})
