/** The rows of the image that a reference names, for one platform. */
import * as Effect from "effect/Effect"
import { cacheRows } from "../database/RowCache.ts"
import type { RecordedPlatform } from "../records/ImageRecord.ts"
import { isInRow } from "../records/isInRow.ts"
import { platformKey } from "../records/platformKey.ts"
import { configBytes, formRows, imageRows, layerRows, manifestRows, platformOf } from "./queries.ts"

const rowsFor = Effect.fnUntraced(function* (root: string, reference: string, key: string) {
  const [image] = yield* imageRows(reference)
  if (image === undefined) return undefined
  const manifests = yield* manifestRows(image.id)
  // One that an earlier request for the platform led to, else one that is for it.
  const manifest =
    manifests.find((it) => it.requested_json.includes(key)) ??
    manifests.find((it) => platformKey(platformOf(it)) === key)
  if (manifest === undefined) return undefined
  return {
    image,
    manifest,
    layers: yield* layerRows(manifest.id),
    forms: yield* formRows(manifest.id),
    /** Absent where it is a file, which may change by itself. */
    config: isInRow(manifest.config_size_bytes) ? yield* configBytes(root, manifest) : undefined
  }
})

export const chooseRows = (root: string, reference: string, platform: RecordedPlatform) => {
  const key = platformKey(platform)
  return cacheRows(JSON.stringify([reference, key]))(rowsFor(root, reference, key))
}
