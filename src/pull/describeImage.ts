/** A resolved image, in the forms that events and the catalogue need. */
import * as Effect from "effect/Effect"
import { InvalidManifest } from "../api/errors.ts"
import type { PulledImage, Resolved } from "../api/events.ts"
import { type Document, totalSize } from "../image/Descriptor.ts"
import { formatPlatform, type Platform } from "../image/Platform.ts"
import type { FoundImage, ResolvedLayer } from "../registry/Registry.ts"
import type { ImageRecord, RecordedDocument } from "../store/records/ImageRecord.ts"

/**
 * Each distinct layer, in order of first appearance. A blob listed with two diffIDs is an error: only one of them would
 * be checked, and the image could be recorded with the other. Of two media types the first is used, since the
 * compression is detected from the bytes.
 */
export const distinctLayers = (image: FoundImage): Effect.Effect<ReadonlyArray<ResolvedLayer>, InvalidManifest> => {
  const layers = new Map<string, ResolvedLayer>()
  for (const layer of image.layers) {
    const first = layers.get(layer.digest) ?? layer
    if (first.diffId !== layer.diffId || first.size !== layer.size) {
      const problem = `layer ${layer.digest} appears twice, with another size or diffID`
      return Effect.fail(new InvalidManifest({ digest: image.manifest.descriptor.digest, problem }))
    }
    layers.set(layer.digest, first)
  }
  return Effect.succeed([...layers.values()])
}

export const resolvedEvent = (
  reference: string,
  image: FoundImage,
  layers: ReadonlyArray<ResolvedLayer>,
  kept: ReadonlyMap<string, number>
): Resolved => ({
  _tag: "Resolved",
  reference,
  digest: image.digest,
  manifestDigest: image.manifest.descriptor.digest,
  platform: formatPlatform(image.platform),
  size: totalSize(layers),
  layers: layers.map(({ digest, diffId, size }) => {
    const bytes = kept.get(digest)
    return { digest, diffId, size, ...(bytes === undefined ? {} : { kept: bytes }) }
  })
})

/** The same event for an image from the store, so that listeners need no special case. */
export const resolvedFromStore = ({ reference, digest, manifestDigest, platform, ...image }: PulledImage): Resolved => {
  const layers = [...new Map(image.layers.map((layer) => [layer.digest, layer])).values()]
  return {
    _tag: "Resolved",
    reference,
    digest,
    manifestDigest,
    platform,
    size: totalSize(layers),
    layers: layers.map(({ digest, diffId, size }) => ({ digest, diffId, size }))
  }
}

const recorded = <A>({ descriptor: { digest, mediaType }, bytes }: Document<A>): RecordedDocument => ({
  digest,
  mediaType,
  bytes
})

export const recordOf = (reference: string, image: FoundImage, requested: Platform): ImageRecord => ({
  reference,
  digest: image.digest,
  platform: image.platform,
  requested,
  index: image.index === undefined ? undefined : recorded(image.index),
  manifest: recorded(image.manifest),
  config: { ...recorded(image.config), value: image.config.value },
  layers: image.layers
})
