/** The catalogue's rows as what a program or a person asks for. */

import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ListOptions } from "../../api/config.ts"
import type { PulledImage, PulledLayer } from "../../api/events.ts"
import { ConfigJson } from "../../image/ConfigJson.ts"
import { totalSize } from "../../image/Descriptor.ts"
import { imageConfigOf } from "../../image/imageConfigOf.ts"
import { decodeAs } from "../../image/json/decodeAs.ts"
import { AnyMap } from "../../image/json/lenient.ts"
import { parseJson } from "../../image/json/parseJson.ts"
import * as Shape from "../../image/json/Shape.ts"
import { readDocument } from "../records/DocumentFiles.ts"
import type { ImageDetails, ImageSummary, RecordedPlatform } from "../records/ImageRecord.ts"
import { isInRow } from "../records/isInRow.ts"
import { platformText } from "../records/platformKey.ts"
import type { Archives } from "../reuse/Archives.ts"
import type { NamedLayer } from "../reuse/findTree.ts"
import { placeLayers } from "../reuse/placeLayers.ts"
import { isTree } from "../trees/publish.ts"
import { isDiskImage, isPartOf, makeTreePaths, mergedIn, type TreePaths } from "../trees/TreePaths.ts"
import { chooseRows } from "./chooseRows.ts"
import {
  configBytes,
  formRows,
  type ImageRow,
  imageRows,
  indexRows,
  type LayerRow,
  layerRows,
  type ManifestRow,
  manifestRows,
  namedLayer,
  platformOf,
  summaryRows
} from "./queries.ts"

const distinct = (layers: ReadonlyArray<PulledLayer>) => [...new Map(layers.map((it) => [it.digest, it])).values()]

/** The names of trees, and which have the same files. */
export interface Places extends TreePaths {
  readonly archives: Archives
}

/**
 * An image's layers, and whether its trees are all there. `diffIds`: as the image's config has them, which is what a layer's
 * row says once it was proven.
 */
const placed = Effect.fnUntraced(function* (
  rows: ReadonlyArray<LayerRow>,
  diffIds: ReadonlyArray<string>,
  manifest: string,
  { archives, ...places }: Places
) {
  const { layerPath, rootfsPath, variant } = places
  const named = rows.map((row, at) => namedLayer(row, diffIds[at]))
  const trees = rootfsPath === undefined ? yield* placeLayers(named, archives, places) : []
  const layers = rows.map(({ digest, media_type, size_bytes, ...row }, at): PulledLayer => {
    const path = rootfsPath === undefined ? layerPath(trees[at] ?? digest) : mergedIn(rootfsPath(manifest), variant)
    return { digest, diffId: named[at]?.diffId ?? row.named, mediaType: media_type, size: size_bytes, path }
  })
  const isWhole = rootfsPath === undefined ? !trees.includes(undefined) : yield* isTree(rootfsPath(manifest))
  const isSame = ({ digest, isProven }: NamedLayer, at: number) => isProven || (trees[at] ?? digest) !== digest
  return { layers, isWhole, isProven: named.every(isSame) }
})

const mergedOf = (manifest: string, { rootfsPath, variant }: TreePaths) => {
  if (rootfsPath === undefined) return {}
  const path = mergedIn(rootfsPath(manifest), variant)
  return isDiskImage(variant) ? { erofs: path } : { rootfs: path }
}

const partPath = (manifest: string, variant: string, { layersDir }: TreePaths) =>
  mergedIn(makeTreePaths(layersDir, variant).rootfsPath(manifest), variant)

const parsed = Effect.fnUntraced(function* (bytes: Uint8Array | undefined) {
  return bytes === undefined ? Option.none<unknown>() : yield* Effect.option(parseJson(bytes))
})

/** `undefined` if the document cannot be read: then the image is pulled again. */
const configOf = Effect.fnUntraced(function* (bytes: Uint8Array | undefined) {
  const json = yield* parsed(bytes)
  if (Option.isNone(json)) return undefined
  const document = yield* Effect.option(decodeAs(ConfigJson, json.value, Number.POSITIVE_INFINITY))
  return Option.isNone(document) ? undefined : imageConfigOf(document.value)
})

/** An image for a platform. */
export const choose = Effect.fnUntraced(function* (
  root: string,
  reference: string,
  platform: RecordedPlatform,
  places: Places
) {
  const rows = yield* chooseRows(root, reference, platform)
  if (rows === undefined) return undefined
  const { image: row, manifest, forms } = rows
  const config = yield* configOf(rows.config ?? (yield* configBytes(root, manifest)))
  if (config === undefined) return undefined
  const { layers, ...standing } = yield* placed(rows.layers, config.diffIds, manifest.digest, places)
  const blobs = totalSize(distinct(layers))
  const image: PulledImage = {
    reference,
    digest: row.digest,
    manifestDigest: manifest.digest,
    configDigest: manifest.config_digest,
    platform: platformText(platformOf(manifest)),
    size: manifest.size_bytes + manifest.config_size_bytes + blobs,
    config,
    layers,
    ...mergedOf(manifest.digest, places)
  }
  return {
    image,
    manifestId: manifest.id,
    lastUsed: row.last_used_at,
    forms,
    /** `isWhole`: its trees are there. `isProven`: those are what the image's config says. */
    ...standing
  }
})

/** What a row says of an image itself. */
const factsOf = (row: Pick<ImageRow, "reference" | "digest" | "size_bytes" | "modified_at" | "last_used_at">) => ({
  reference: row.reference,
  digest: row.digest,
  size: row.size_bytes,
  pulled: row.modified_at,
  lastUsed: row.last_used_at
})

const common = (row: ImageRow, manifests: ReadonlyArray<ManifestRow>) => {
  const built = manifests.flatMap(({ created }) => (created === null ? [] : [created]))
  const latest = built.sort().at(-1)
  return {
    ...factsOf(row),
    ...(latest === undefined ? {} : { created: latest })
  }
}

/** Images in one query: one query for each of thousands would take minutes. */
export const summarize = (options: ListOptions) =>
  Effect.map(summaryRows(options), (rows) =>
    rows.map((row): ImageSummary => {
      const built = row.created === null ? {} : { created: row.created }
      const platforms = row.platforms.map(([os, architecture, variant]) =>
        platformText({ os: os ?? "", architecture: architecture ?? "", ...(variant ? { variant } : {}) })
      )
      return {
        ...factsOf(row),
        ...built,
        platforms: platforms.sort(),
        layers: row.layers
      }
    })
  )

const Annotated = Shape.Struct({ annotations: Shape.optionalKey(AnyMap) })

/** What the annotations of an index or a manifest are; none if it is a file that is missing or was changed. */
const annotationsOf = Effect.fnUntraced(function* (
  root: string,
  { digest, size_bytes, annotations_json }: Pick<ManifestRow, "digest" | "size_bytes" | "annotations_json">
) {
  if (isInRow(size_bytes)) return annotations_json ?? {}
  const document = Option.getOrUndefined(yield* parsed(yield* readDocument(root, digest)))
  return Shape.orUndefined(Annotated)(document)?.annotations ?? {}
})

export const detail = Effect.fnUntraced(function* (root: string, reference: string, places: Places) {
  const [row] = yield* imageRows(reference)
  if (row === undefined) return Option.none<ImageDetails>()
  const manifests = yield* manifestRows(row.id)
  const [index] = yield* indexRows(row.id)
  const named = index && {
    index: { digest: index.digest, mediaType: index.media_type, annotations: yield* annotationsOf(root, index) }
  }
  const details = Effect.fnUntraced(function* (manifest: ManifestRow) {
    const config = yield* configOf(yield* configBytes(root, manifest))
    const { diffIds = [] } = config ?? {}
    const { layers, isWhole } = yield* placed(yield* layerRows(manifest.id), diffIds, manifest.digest, places)
    const merged = mergedOf(manifest.digest, places)
    const forms = yield* formRows(manifest.id)
    const parts = forms.filter((form) => isPartOf(form, places.variant))
    return {
      platform: platformText(platformOf(manifest)),
      digest: manifest.digest,
      mediaType: manifest.media_type,
      size: manifest.size_bytes,
      annotations: yield* annotationsOf(root, manifest),
      config: {
        digest: manifest.config_digest,
        mediaType: manifest.config_media_type,
        value: Option.getOrUndefined(yield* parsed(yield* configBytes(root, manifest)))
      },
      layers,
      ...merged,
      ...(parts.length === 0 ? {} : { parts: parts.map(({ variant }) => partPath(manifest.digest, variant, places)) }),
      complete: config !== undefined && isWhole
    }
  })
  const image: ImageDetails = {
    ...common(row, manifests),
    ...named,
    manifests: yield* Effect.forEach(manifests, details)
  }
  return Option.some(image)
})
