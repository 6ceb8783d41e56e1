/**
 * Compares the store with its catalogue: documents are hashed, layers looked for. What an extracted layer holds cannot
 * be proven again without its blob; pulling it anew does that.
 */
import * as Effect from "effect/Effect"
import type { Database } from "./Database.ts"
import { readDocument } from "./Documents.ts"
import { detail } from "./describe.ts"
import { listTrees } from "./needs.ts"
import { isAmong, type Places } from "./Places.ts"
import { imageRows } from "./queries.ts"
import type { Fault } from "./Reclaimed.ts"
import { isDirectory } from "./Staging.ts"

export const verify = Effect.fnUntraced(function* (root: string, database: Database, places: Places) {
  const faults: Array<Fault> = []
  const trees = yield* listTrees(places.layersDir)
  const references = yield* database.read("verify", imageRows(undefined))
  for (const { reference } of references) {
    const image = yield* database.read("verify", detail(reference, places))
    if (image._tag === "None") continue
    const { manifests, index } = image.value
    for (const { platform, digest, config, layers, rootfs } of manifests) {
      const fault = (digest: string, problem: string) => faults.push({ reference, platform, digest, problem })
      for (const document of [index?.digest, digest, config.digest]) {
        if (document !== undefined && (yield* readDocument(root, document)) === undefined) {
          fault(document, "the document is missing, or was changed")
        }
      }
      if (isAmong(trees, digest, layers)) continue
      if (rootfs !== undefined) fault(digest, "the root file system's directory is missing")
      for (const [layer, path] of new Map(layers.map((it) => [it.digest, it.path]))) {
        if (rootfs === undefined && !(yield* isDirectory(path))) fault(layer, "the layer's directory is missing")
      }
    }
  }
  return faults
})
