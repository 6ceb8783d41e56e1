/** The directories that images are extracted to: one for each layer, or one for all layers of an image. */

import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Reason } from "../../api/errors.ts"
import { freeSpace } from "../../fs/freeSpace.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import { makeProofs, type Proofs } from "../blobs/Proofs.ts"
import { Directories } from "../directories/Directories.ts"
import { type Archives, makeArchives } from "../reuse/Archives.ts"
import { digestOfTable } from "../reuse/digestOfTable.ts"
import { fileListsIn } from "../reuse/fileLists.ts"
import { type Fingerprints, makeFingerprints } from "./Fingerprints.ts"
import { isTree, publish, replaceTree } from "./publish.ts"
import { Staging } from "./Staging.ts"
import { setAside } from "./setAside.ts"
import { syncRecords } from "./syncRecords.ts"
import { fileName, makeTreePaths, partVariant, type TreePaths } from "./TreePaths.ts"

export interface TreeOptions {
  /** Part of the trees' names if they are made with options other than the defaults: `[a-z][a-z-]*`. */
  readonly variant?: string | undefined
  /** Images are merged into one directory each. */
  readonly merged?: boolean | undefined
}

/** A tree, and the digest by which it may be held: the layer's, or the manifest's. */
export interface HeldTree {
  readonly digest: string
  readonly path: string
}

/** The digests in the names of an image's trees. */
export interface TreeNames {
  readonly manifest: { readonly digest: string }
  readonly layers: ReadonlyArray<{
    readonly digest: string
    readonly diffId: string
    readonly tree?: string | undefined
  }>
}

/** For the digest of each layer without a tree of its own, the digest of the blob whose tree is used. */
export type Reused = ReadonlyMap<string, string>

export class Trees extends Context.Service<
  Trees,
  {
    /** The names of trees made with this store's options. */
    readonly paths: TreePaths
    /** The same for a part of each image; `undefined`: for whole images. To be called where images are merged. */
    readonly pathsOf: (part: string | undefined) => TreePaths
    readonly layerPath: (digest: Digest | string) => string
    /** An image is one directory with all layers merged, and is complete if that exists. */
    readonly merged: boolean
    readonly rootfsPath: (manifest: Digest | string) => string
    /** Whether the layer's directory is there, and so complete. */
    readonly hasLayer: (digest: Digest) => Effect.Effect<boolean, Reason>
    readonly hasRootfs: (manifest: Digest) => Effect.Effect<boolean, Reason>
    /** The same by a tree's path. */
    readonly has: (path: string) => Effect.Effect<boolean, Reason>
    /** Bytes free where trees are written; `undefined` where the file system does not say. */
    readonly freeSpace: Effect.Effect<number | undefined>
    /** The diffIDs that blobs were proven to have. */
    readonly proofs: Proofs
    /** What trees looked like when they were finished. */
    readonly fingerprints: Fingerprints
    /** The directory of the indexes of trees whose layers have a table of contents; absent where none was looked for. */
    readonly indexes: string
    /** Trees by the archive that they were extracted from. */
    readonly archives: Archives
    /** The path of a tree of this archive, of whichever blob; `undefined` if there is none. */
    readonly treeOf: (diffId: string) => Effect.Effect<string | undefined, Reason>
    /** The path of the tree that was made by this table of contents; `undefined` if there is none, or its record is lost. */
    readonly treeOfTable: (table: string) => Effect.Effect<string | undefined, Reason>
    /** Which of these layers use other blobs' trees. None where images are merged. */
    readonly reused: (layers: TreeNames["layers"]) => Effect.Effect<Reused, Reason>
    /** Gives a staged tree its name, by rename, unless there is one already. Returns `path`. */
    readonly publish: (staging: string, path: string) => Effect.Effect<string, Reason>
    /**
     * Replaces an unproven tree by a staged one. `false` if a program holds the old one, which then stays. The caller
     * must hold the digest's lock.
     */
    readonly replace: (staging: string, tree: HeldTree) => Effect.Effect<boolean, Reason>
    /**
     * Takes a tree away until the scope closes. After a failure it is then put back, unless another tree has its name by then;
     * else it is removed.
     * `false`, and nothing is done, if a pull is running or somebody holds the tree.
     */
    readonly setAside: (tree: HeldTree) => Effect.Effect<boolean, Reason, Scope.Scope>
    /** Syncs the proofs and fingerprints of an image's trees. To be called before its rows are on disk. */
    readonly syncRecords: (image: TreeNames, reused: Reused, part?: string) => Effect.Effect<void, Reason>
  }
>()("ociflow/store/Trees") {
  static layer({ variant = "", merged = false }: TreeOptions): Layer.Layer<Trees, never, Directories | Staging> {
    return Layer.effect(
      Trees,
      Effect.gen(function* () {
        const { root, layersDir, lockPath } = yield* Directories
        const { directory: staging } = yield* Staging
        const { layerPath, rootfsPath } = makeTreePaths(layersDir, variant)
        const proofs = makeProofs((digest) => join(root, "proofs", fileName(digest)))
        const fingerprints = makeFingerprints(root)
        const archives = makeArchives({ layersDir, proofs, fingerprints })
        const paths = { layersDir, variant, layerPath, ...(merged ? { rootfsPath } : {}) }
        const pathsOf = (part: string | undefined): TreePaths =>
          part === undefined ? paths : makeTreePaths(layersDir, partVariant(variant, part))
        return Trees.of({
          paths,
          pathsOf,
          layerPath,
          merged,
          rootfsPath,
          hasLayer: (digest) => isTree(layerPath(digest)),
          hasRootfs: (manifest) => isTree(rootfsPath(manifest)),
          has: isTree,
          freeSpace: freeSpace(layersDir),
          proofs,
          fingerprints,
          indexes: fileListsIn(root),
          archives,
          treeOf: (diffId) =>
            Effect.map(archives.find(diffId, variant), (digest) => (digest === undefined ? digest : layerPath(digest))),
          treeOfTable: Effect.fnUntraced(function* (table) {
            const path = layerPath(digestOfTable(table))
            if (!(yield* isTree(path))) return undefined
            return (yield* fingerprints.findAny(path))?.table === table ? path : undefined
          }),
          reused: Effect.fnUntraced(function* (layers) {
            const found = new Map<string, string>()
            if (merged) return found
            for (const { digest, diffId, tree } of layers) {
              if (tree !== undefined) found.set(digest, tree)
              if (found.has(digest) || (yield* isTree(layerPath(digest)))) continue
              const other = yield* archives.find(diffId, variant)
              if (other !== undefined) found.set(digest, other)
            }
            return found
          }),
          publish,
          replace: (staged, { digest, path }) =>
            Effect.flatMap(staging, (aside) => replaceTree(staged, path, { root, aside, digest })),
          setAside: (tree) => setAside({ root, lockPath, staging }, tree),
          syncRecords: ({ manifest, layers }, reused, part) => {
            const { rootfsPath } = pathsOf(part)
            const digests = layers.map(({ digest }) => reused.get(digest) ?? digest)
            const trees = rootfsPath ? [rootfsPath(manifest.digest)] : digests.map(layerPath)
            const known = [...digests.map(proofs.pathOf), ...trees.map(fingerprints.pathOf)]
            return syncRecords([...new Set(known)])
          }
        })
      })
    )
  }
}
