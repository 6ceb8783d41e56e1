/** Checks, before anything is downloaded, whether the image can fit on the disk. */
import * as Effect from "effect/Effect"
import type { Preflight } from "../api/config.ts"
import { NotEnoughSpace, type Reason } from "../api/errors.ts"
import { totalSize } from "../image/Descriptor.ts"
import type { Digest } from "../image/reference/Digest.ts"
import type { ResolvedLayer } from "../registry/Registry.ts"
import { isDiskImage } from "../store/trees/TreePaths.ts"
import { Trees } from "../store/trees/Trees.ts"
import { emit } from "./events/PullEvents.ts"

type Blob = Pick<ResolvedLayer, "digest" | "size"> & { readonly diffId: string }

export interface Asked {
  /** Names a merged tree. */
  readonly manifest?: Digest
  /** Blobs are downloaded. */
  readonly isRemote: boolean
}

/**
 * An extracted layer is hardly ever smaller than its blob, so less space than the missing blobs take is not enough. A
 * partial blob does not reduce the need, since it stays until its tree is complete. For a disk image all of them stay until it is
 * whole, beside the bodies of all files.
 */
export const preflight = Effect.fnUntraced(function* (
  layers: ReadonlyArray<Blob>,
  how: Preflight,
  { manifest, isRemote }: Asked
): Effect.fn.Return<void, Reason, Trees> {
  const trees = yield* Trees
  const available = how === "off" ? undefined : yield* trees.freeSpace
  const copies = isRemote && isDiskImage(trees.paths.variant) ? 2 : 1
  if (available === undefined || copies * totalSize(layers) <= available) return
  const isMerged = trees.merged && manifest !== undefined && (yield* trees.hasRootfs(manifest))
  const hasTree = Effect.fnUntraced(function* ({ digest, diffId }: Blob) {
    return (yield* trees.hasLayer(digest)) || (yield* trees.treeOf(diffId)) !== undefined
  })
  const isThere = (layer: Blob) => (trees.merged ? Effect.succeed(isMerged) : hasTree(layer))
  const missing = yield* Effect.filter(layers, (layer) => Effect.map(isThere(layer), (there) => !there))
  const needed = copies * totalSize(missing)
  if (needed <= available) return
  const reason = new NotEnoughSpace({ path: trees.paths.layersDir, needed, available })
  if (how === "refuse") return yield* reason
  yield* emit({ _tag: "Warning", code: "LittleSpace", message: reason.message })
})
