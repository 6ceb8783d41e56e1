/**
 * Compares the store with its catalogue: documents are hashed, and trees must exist. Whether a tree was changed is
 * checked elsewhere, by a worker.
 */
import { basename } from "node:path"
import * as Effect from "effect/Effect"
import type { Database } from "../database/Database.ts"
import { isTree } from "../trees/publish.ts"
import { makeTreePaths, type TreeForm, type TreePaths } from "../trees/TreePaths.ts"
import { formOf, isSame } from "../trees/treeForms.ts"
import type { Fault } from "../UpkeepResults.ts"
import { readDocument } from "./Documents.ts"
import { platformOf } from "./describe.ts"
import { platformText } from "./platformKey.ts"
import { formRows, imageRows, indexRows, layerRows, manifestRows } from "./queries.ts"

export const findMissing = Effect.fnUntraced(function* (root: string, database: Database, places: TreePaths) {
  const own = formOf(places)
  const isOwn = isSame(own)

  /** Those of an image's trees in one form that are missing. */
  const missing = Effect.fnUntraced(function* (form: TreeForm, manifest: string, layers: Iterable<string>) {
    const { layerPath, rootfsPath } = makeTreePaths(places.layersDir, form.variant)
    const [paths, ours] =
      form.kind === "rootfs"
        ? [new Map([[manifest, rootfsPath(manifest)]]), "the root file system's directory is missing"]
        : [new Map([...layers].map((layer) => [layer, layerPath(layer)])), "the layer's directory is missing"]
    const found: Array<Pick<Fault, "digest" | "problem" | "variant">> = []
    for (const [digest, path] of paths) {
      if (yield* isTree(path)) continue
      const others = `of the trees made with other options, ${basename(path)} is missing`
      found.push(isOwn(form) ? { digest, problem: ours } : { digest, problem: others, variant: form.variant })
    }
    return found
  })

  const images = yield* database.read(
    "verify",
    Effect.gen(function* () {
      return yield* Effect.forEach(
        yield* imageRows(undefined),
        Effect.fnUntraced(function* ({ id, reference, digest }) {
          const [index] = yield* indexRows(id)
          const manifests = yield* Effect.forEach(
            yield* manifestRows(id),
            Effect.fnUntraced(function* (manifest) {
              const layers = (yield* layerRows(manifest.id)).map((layer) => layer.digest)
              const forms = yield* formRows(manifest.id)
              return { ...manifest, platform: platformText(platformOf(manifest)), layers: new Set(layers), forms }
            })
          )
          return { reference, digest, index, manifests }
        })
      )
    })
  )
  const faults: Array<Fault & { readonly image: string }> = []
  for (const { reference, digest: image, index, manifests } of images) {
    for (const { platform, digest, config_digest, layers, forms } of manifests) {
      const about = { image, reference, platform }
      for (const document of [index?.digest, digest, config_digest]) {
        if (document !== undefined && (yield* readDocument(root, document)) === undefined)
          faults.push({ ...about, digest: document, problem: "the document is missing, or was changed" })
      }
      // Trees made with other options first. An older version did not record the forms: then this store's form is
      // assumed.
      const asked = [...forms.filter((form) => !isOwn(form)), ...(forms.length === 0 || forms.some(isOwn) ? [own] : [])]
      for (const form of asked)
        for (const fault of yield* missing(form, digest, layers)) faults.push({ ...about, ...fault })
    }
  }
  if (faults.length === 0) return []
  // Faults of images that were removed or moved meanwhile do not count.
  const now = new Map((yield* database.read("verify", imageRows(undefined))).map((it) => [it.reference, it.digest]))
  return faults.flatMap(
    ({ image, ...fault }): ReadonlyArray<Fault> => (now.get(fault.reference) === image ? [fault] : [])
  )
})
