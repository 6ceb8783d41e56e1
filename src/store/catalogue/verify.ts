/**
 * Compares the store with its catalogue: documents are hashed, layers looked for. Whether a layer that is there was
 * changed is another question, and a worker's.
 */
import { basename } from "node:path"
import * as Effect from "effect/Effect"
import type { Database } from "../database/Database.ts"
import { isAmong, makePlaces, type Places } from "../Places.ts"
import type { Fault } from "../Reclaimed.ts"
import { brokenMakings } from "../trees/makings.ts"
import { listTrees } from "../trees/needs.ts"
import { isDirectory } from "../trees/Staging.ts"
import { readDocument } from "./Documents.ts"
import { detail } from "./describe.ts"
import type { ImageDetails } from "./ImageRecord.ts"
import { imageRows } from "./queries.ts"

export const verify = Effect.fnUntraced(function* (root: string, database: Database, places: Places) {
  const faults: Array<Fault> = []
  const trees = yield* listTrees(places.layersDir)
  const references = yield* database.read("verify", imageRows(undefined))
  const images: Array<ImageDetails> = []
  for (const { reference } of references) {
    const image = yield* database.read("verify", detail(reference, places))
    if (image._tag === "Some") images.push(image.value)
  }
  const brokenIn = brokenMakings(
    trees,
    images.flatMap(({ manifests }) => manifests)
  )
  for (const { reference, manifests, index } of images) {
    for (const manifest of manifests) {
      const { platform, digest, config, layers, rootfs } = manifest
      const fault = (digest: string, problem: string) => faults.push({ reference, platform, digest, problem })
      for (const document of [index?.digest, digest, config.digest]) {
        if (document !== undefined && (yield* readDocument(root, document)) === undefined) {
          fault(document, "the document is missing, or was changed")
        }
      }
      const broken = brokenIn(manifest)
      const isOurs = rootfs === undefined && broken.includes(places.variant)
      const others = broken.filter((variant) => rootfs !== undefined || variant !== places.variant)
      for (const variant of others) {
        const { layerPath } = makePlaces(places.layersDir, variant)
        for (const layer of new Set(layers.map((it) => it.digest))) {
          if (yield* isDirectory(layerPath(layer))) continue
          const problem = `of the trees made with other options, ${basename(layerPath(layer))} is missing`
          faults.push({ reference, platform, digest: layer, problem, variant })
        }
      }
      // What nobody's trees speak of is asked of whoever looks.
      if (!isOurs && (broken.length > 0 || isAmong(trees, digest, layers))) continue
      if (rootfs !== undefined) fault(digest, "the root file system's directory is missing")
      for (const [layer, path] of new Map(layers.map((it) => [it.digest, it.path]))) {
        if (rootfs === undefined && !(yield* isDirectory(path))) fault(layer, "the layer's directory is missing")
      }
    }
  }
  return faults
})
