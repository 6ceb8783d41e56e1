/** The images that the catalogue is built again from: their records and documents. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { list } from "../../fs/directories.ts"
import { scarcity } from "../../fs/loadModule.ts"
import { ConfigJson } from "../../image/ConfigJson.ts"
import { decodeAs } from "../../image/json/decodeAs.ts"
import { parseJson } from "../../image/json/parseJson.ts"
import type { TreeForm } from "../trees/TreePaths.ts"
import { readDocument } from "./DocumentFiles.ts"
import type { ImageRecord } from "./ImageRecord.ts"
import { type NamedDocument, readEntry, referencesOf } from "./Records.ts"

const restore = Effect.fnUntraced(function* (root: string, { digest, mediaType }: NamedDocument) {
  const bytes = yield* readDocument(root, digest)
  return bytes === undefined ? undefined : { digest, mediaType, bytes: new Uint8Array(bytes) }
})

/** A record with its documents. */
export interface KeptImage {
  readonly image: ImageRecord
  /** `undefined` where the record does not say. */
  readonly trees: ReadonlyArray<TreeForm> | undefined
}

const readImage = Effect.fnUntraced(function* (root: string, path: string) {
  const { trees, recorded = "", ...entry } = yield* readEntry(path)
  const index = entry.index === undefined ? undefined : yield* restore(root, entry.index)
  const [manifest, config] = [yield* restore(root, entry.manifest), yield* restore(root, entry.config)]
  if (manifest === undefined || config === undefined) return undefined
  const decoding = Effect.flatMap(parseJson(config.bytes), (json) =>
    decodeAs(ConfigJson, json, Number.POSITIVE_INFINITY)
  )
  const value = Option.getOrUndefined(yield* Effect.option(decoding))
  if (value === undefined) return undefined
  const kept: KeptImage = { image: { ...entry, index, manifest, config: { ...config, value } }, trees }
  return { ...kept, recorded }
})

/** All images with complete documents, in the order they were recorded. Unreadable ones are skipped. */
export const keptImages = Effect.fnUntraced(function* (root: string) {
  const images: Array<KeptImage & { readonly recorded: string }> = []
  const top = referencesOf(root)
  for (const directory of yield* list(top)) {
    for (const name of yield* list(join(top, directory))) {
      if (!name.endsWith(".json")) continue
      const image = yield* readImage(root, join(top, directory, name)).pipe(
        // A lack of memory or descriptors in this process says nothing about the image; to skip it would be to lose it.
        Effect.catch((error) => (scarcity(error) === undefined ? Effect.succeed(undefined) : Effect.fail(error)))
      )
      if (image !== undefined) images.push(image)
    }
  }
  return images.sort((a, b) => (a.recorded < b.recorded ? -1 : a.recorded > b.recorded ? 1 : 0))
})
