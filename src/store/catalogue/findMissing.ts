/**
 * Compares the store with its catalogue: documents are hashed, and trees must exist. Whether a tree was changed is
 * checked elsewhere, by a worker.
 */
import { basename } from "node:path"
import * as Effect from "effect/Effect"
import type { Database } from "../database/Database.ts"
import { readDocument } from "../records/DocumentFiles.ts"
import { platformText } from "../records/platformKey.ts"
import { placeLayers } from "../reuse/placeLayers.ts"
import { isTree } from "../trees/publish.ts"
import { makeTreePaths, type TreeForm } from "../trees/TreePaths.ts"
import { formOf, isSame } from "../trees/treeForms.ts"
import type { Fault } from "../UpkeepResults.ts"
import type { Places } from "./describe.ts"
import {
  formRows,
  imageRows,
  indexRows,
  type LayerRow,
  layerRows,
  manifestRows,
  namedLayer,
  platformOf
} from "./queries.ts"

export const findMissing = Effect.fnUntraced(function* (root: string, database: Database, places: Places) {
  const own = formOf(places)
  const isOwn = isSame(own)

  /** Those of an image's trees in one form that are missing. */
  const missing = Effect.fnUntraced(function* (form: TreeForm, manifest: string, rows: ReadonlyArray<LayerRow>) {
    const { archives, layersDir } = places
    const paths = makeTreePaths(layersDir, form.variant)
    const missed = new Map<string, string>()
    if (form.kind === "rootfs") {
      const path = paths.rootfsPath(manifest)
      if (!(yield* isTree(path))) missed.set(manifest, path)
    } else {
      const trees = yield* placeLayers(
        rows.map((row) => namedLayer(row)),
        archives,
        paths
      )
      for (const [at, { digest }] of rows.entries())
        if (trees[at] === undefined) missed.set(digest, paths.layerPath(digest))
    }
    const what = form.kind === "rootfs" ? "the root file system's directory" : "the layer's directory"
    const found: Array<Pick<Fault, "digest" | "problem" | "variant">> = []
    for (const [digest, path] of missed) {
      const others = `of the trees made with other options, ${basename(path)} is missing`
      found.push(
        isOwn(form) ? { digest, problem: `${what} is missing` } : { digest, problem: others, variant: form.variant }
      )
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
              const layers = yield* layerRows(manifest.id)
              const forms = yield* formRows(manifest.id)
              return { ...manifest, platform: platformText(platformOf(manifest)), layers, forms }
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
