/**
 * The store on disk: layers as directories, and a catalogue that says which image consists of which layers.
 *
 *     <root>/oci.db                             the catalogue, SQLite; `.spare`, `.sound` belong to it
 *     <root>/documents, <root>/references       indexes, manifests, configs, and who names them
 *     <root>/partial                            bytes of blobs whose download was cut off
 *     <root>/pulls                              which pulls those were
 *     <root>/proofs                             which diffID each blob was proven with
 *     <root>/signatures                         the signatures that images were accepted with
 *     <root>/fingerprints                       what each tree looked like when it was finished
 *     <root>/tables                             which files a tree has, for partial pulls
 *     <root>/locks                              locks; empty while nobody works
 *     <layersDir>/<digest>.extracted            one directory for each layer, there only when it is whole
 *     <layersDir>/<digest>.<variant>.extracted  the same layer, extracted with other options than the default ones
 *     <layersDir>/<manifest digest>.rootfs      an image's layers merged, there only when all of them are
 *     <layersDir>/<manifest digest>.erofs.rootfs/image.erofs   the same in one file
 *     <tree>.stat                               what attributes of a tree's files could not say
 *     <root>/id, <layersDir>/.root              which root a directory of layers belongs to that lies elsewhere
 *     <layersDir>/.staging                      layers in progress
 *     <layersDir>/.gone                         names of trees that could not be moved away, and count as gone
 *
 * Each part is a service of its own: `Directories`, `Locks`, `Staging`, `Trees`, `Blobs`, `UnfinishedPulls`, `Catalogue`, `Upkeep`.
 */
import * as Layer from "effect/Layer"
import type { Reason } from "../api/errors.ts"
import { type BlobOptions, Blobs } from "./blobs/Blobs.ts"
import { UnfinishedPulls } from "./blobs/UnfinishedPulls.ts"
import { Catalogue, type CatalogueOptions } from "./catalogue/Catalogue.ts"
import { Directories, type DirectoryOptions } from "./directories/Directories.ts"
import { Locks } from "./locks/Locks.ts"
import { Staging, type StagingOptions } from "./trees/Staging.ts"
import { type TreeOptions, Trees } from "./trees/Trees.ts"
import { Upkeep } from "./upkeep/Upkeep.ts"

export interface StoreOptions extends BlobOptions, CatalogueOptions, DirectoryOptions, StagingOptions, TreeOptions {}

/** The services of a store. */
export type Store = Blobs | Catalogue | Directories | Locks | Staging | Trees | UnfinishedPulls | Upkeep

/** Opening touches nothing. Directories are created, and the database engine is loaded, at the first use. */
export const storeLayer = (options: StoreOptions = {}): Layer.Layer<Store, Reason> =>
  Upkeep.layer.pipe(
    Layer.provideMerge(Catalogue.layer(options)),
    Layer.provideMerge(Layer.merge(Trees.layer(options), Blobs.layer(options))),
    Layer.provideMerge(Layer.mergeAll(Staging.layer(options), Locks.layer, UnfinishedPulls.layer)),
    Layer.provideMerge(Directories.layer(options))
  )
