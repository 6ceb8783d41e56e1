/** Where the files of an image's layers are. */

import { basename } from "node:path"
import * as Effect from "effect/Effect"
import { isDirectory } from "../../fs/directories.ts"
import { goneIn } from "../trees/goneMarks.ts"
import type { TreePaths } from "../trees/TreePaths.ts"
import type { Archives } from "./Archives.ts"
import { findTree, type NamedLayer } from "./findTree.ts"

const atOnce = 8

/** For each layer: the digest of the blob whose tree it is; `undefined` where there is none. */
export const placeLayers = Effect.fnUntraced(function* (
  layers: ReadonlyArray<NamedLayer>,
  archives: Archives,
  { layersDir, layerPath, variant }: TreePaths
) {
  const gone = yield* goneIn(layersDir)
  const isThere = (digest: string) => {
    const path = layerPath(digest)
    return gone.has(basename(path)) ? false : isDirectory(path)
  }
  return yield* Effect.forEach(layers, (layer) => findTree(layer, { archives, variant, isThere }), {
    concurrency: atOnce
  })
})
