/**
 * What stays of a pull: layers as directories, and a catalogue that says which image is made of which.
 *
 *     <root>/oci.db                             the catalogue, SQLite; `.spare`, `.sound` belong to it
 *     <root>/documents, <root>/references       indexes, manifests, configs, and who names them
 *     <root>/partial                            bytes of blobs whose download was cut off
 *     <root>/proofs                             which diffID each blob was proven with
 *     <root>/fingerprints                       what each tree looked like when it was finished
 *     <root>/locks                              locks; empty while nobody works
 *     <layersDir>/<digest>.extracted            one directory for each layer, there only when it is whole
 *     <layersDir>/<digest>.<variant>.extracted  the same layer, extracted with other options than the default ones
 *     <layersDir>/<manifest digest>.rootfs      an image's layers merged, there only when all of them are
 *     <tree>.stat                               what attributes of a tree's files could not say
 *     <root>/id, <layersDir>/.root              which root a directory of layers belongs to that lies elsewhere
 *     <layersDir>/.staging                      layers in the making
 *     <layersDir>/.gone                         names of trees that could not be moved away, and count as gone
 */
import { randomUUID } from "node:crypto"
import { stat } from "node:fs/promises"
import { join, resolve } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import {
  type Access,
  type Durability,
  defaults,
  type ListOptions,
  type Ownership,
  type PruneOptions
} from "../api/config.ts"
import { InvalidOption, type Reason } from "../api/errors.ts"
import type { Emit, PulledImage } from "../api/events.ts"
import { freeSpace } from "../fs/freeSpace.ts"
import { inHome } from "../fs/home.ts"
import { loadModule } from "../fs/loadModule.ts"
import { ifMissing, removeFile, syscall } from "../fs/syscall.ts"
import type { Digest } from "../image/reference/Digest.ts"
import { once } from "../reactive/once.ts"
import { type BlobLayout, makeBlobLayout } from "./blobs/BlobLayout.ts"
import { openPartial, type PartialBlob } from "./blobs/PartialBlob.ts"
import { makeProofs, type Proofs } from "./blobs/Proofs.ts"
import { isNamed } from "./catalogue/Documents.ts"
import type { ImageDetails, ImageRecord, ImageSummary, RecordedPlatform } from "./catalogue/ImageRecord.ts"
import { makeDirectories } from "./directories/Directories.ts"
import { holdDigests } from "./locks/Holds.ts"
import { type LockOptions, lock, noteOf, tryLock } from "./locks/Lock.ts"
import type { Fault, Reclaimed, ReclaimedBlob, Usage } from "./Reclaimed.ts"
import { type Fingerprints, makeFingerprints } from "./trees/Fingerprints.ts"
import type { NamedTree } from "./trees/namedTrees.ts"
import { replaceTree } from "./trees/replaceTree.ts"
import { isDirectory, isTree, makeStaging, publish, stageIn, stagingsIn, sweep } from "./trees/Staging.ts"
import { setAside } from "./trees/setAside.ts"
import { syncRecords } from "./trees/syncRecords.ts"
import { fileName, makeTreePaths } from "./trees/TreePaths.ts"
import { prunePartials } from "./upkeep/prunePartials.ts"

export interface StoreOptions {
  /** Default: `OCIFLOW_HOME`, else `~/.ociflow`. */
  readonly root?: string | undefined
  /** Default: `<root>/layers`. */
  readonly layersDir?: string | undefined
  /** What other users may do with these directories. Default `private`. */
  readonly access?: Access | undefined
  /** Of the trees: with `chown` setuid programs in them are real. */
  readonly ownership?: Ownership | undefined
  /** Part of the trees' names where they are made with other options than the default ones: `[a-z][a-z-]*`. */
  readonly variant?: string | undefined
  /** An OCI layout where the blobs of what is pulled are kept. */
  readonly keepBlobs?: string | undefined
  /** Images are merged into one directory each. */
  readonly merged?: boolean | undefined
  /** Milliseconds that the bytes of a download that was cut off are kept. Default: 7 days. */
  readonly partialsFor?: number | undefined
  /** With `power`, blobs that are kept reach the disk before the layout names them. Default: `crash`. */
  readonly durability?: Durability | undefined
  /** Where warnings go: a catalogue that was damaged and built anew. */
  readonly emit?: Emit | undefined
}

const defaultRoot = (): string | undefined => process.env["OCIFLOW_HOME"] || inHome(".ociflow")[0]

const wantedName = (digest: string) => `wanted-${digest}`

const make = Effect.fnUntraced(function* (options: StoreOptions) {
  const { root: at = defaultRoot(), layersDir: layersAt, variant = "", merged = false, emit } = options
  if (at === undefined)
    return yield* new InvalidOption({ option: "root", problem: "is needed: the user has no home directory" })
  const root = resolve(at)
  const layersDir = resolve(layersAt ?? join(root, "layers"))
  const scope = yield* Effect.scope

  const { layerPath, rootfsPath } = makeTreePaths(layersDir, variant)
  const places = { layersDir, variant, layerPath, ...(merged ? { rootfsPath } : {}) }
  const lockPath = (name: string) => join(root, "locks", fileName(name))

  const directories = makeDirectories({ ...options, root, layersDir })
  const checked = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.andThen(directories.check, effect)
  const made = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.andThen(directories.make, effect)
  const using = made(lock(lockPath("use"), { shared: true }))

  const database = join(root, "oci.db")
  const catalogued = once(
    Effect.flatMap(
      loadModule("the catalogue", () => import("./catalogue/Catalogue.ts")),
      ({ openCatalogue }) =>
        openCatalogue({
          root,
          path: database,
          lockPath: lockPath("catalogue"),
          emit: emit ?? (() => {}),
          using,
          ...places
        })
    ).pipe(Scope.provide(scope))
  )
  const catalogue = checked(catalogued)
  const partialPath = (digest: string) => join(root, "partial", fileName(digest))
  const stale = prunePartials({ root, partialPath, lockPath }, { keepFor: options.partialsFor ?? defaults.partialsFor })
  const turn = Semaphore.makeUnsafe(1)
  let mine: string | undefined
  // Not `once`: who removes the root removes this too.
  const staging = Effect.gen(function* () {
    if (mine === undefined || !(yield* isDirectory(mine))) {
      mine = yield* makeStaging(layersDir, randomUUID())
      yield* Effect.forkScoped(Effect.interruptible(Effect.ignore(stale)))
    }
    return mine
  }).pipe(Effect.uninterruptible, Scope.provide(scope))
  const area = made(turn.withPermit(staging))

  const proofs = makeProofs((digest) => join(root, "proofs", fileName(digest)))
  const fingerprints = makeFingerprints(root)
  const treesOf = ({ manifest, layers }: ImageRecord) =>
    merged ? [rootfsPath(manifest.digest)] : layers.map(({ digest }) => layerPath(digest))
  const recordsOf = (image: ImageRecord) => [
    ...new Set([
      ...image.layers.map(({ digest }) => proofs.pathOf(digest)),
      ...treesOf(image).map((path) => fingerprints.pathOf(path))
    ])
  ]

  let tidied = false
  // Not `once`: whoever waits for it may leave.
  const tidy = checked(sweep(stagingsIn(layersDir))).pipe(
    Effect.tap(
      Effect.sync(() => {
        tidied = true
      })
    ),
    Effect.ignore
  )

  const keeping = once(
    Effect.gen(function* () {
      const { makeCleaner: makeKeeper } = yield* loadModule("the keeper", () => import("./upkeep/Cleaner.ts"))
      const { usage } = yield* loadModule("the keeper", () => import("./upkeep/usage.ts"))
      const { namedTrees } = yield* loadModule("the keeper", () => import("./trees/namedTrees.ts"))
      const { database, verify } = yield* catalogue
      const options = { root, ...places, database, partialPath, lockPath, area }
      return {
        ...makeKeeper(options),
        usage: usage(options),
        verify: Effect.scoped(Effect.andThen(using, verify)),
        trees: namedTrees(options)
      }
    })
  )

  return Store.of({
    root,
    layersDir,
    database,
    layerPath,
    hasLayer: (digest) => isTree(layerPath(digest)),
    isThere: isTree,
    merged,
    rootfsPath,
    hasRootfs: (manifest) => isTree(rootfsPath(manifest)),
    lock: (name, how) => made(lock(lockPath(name), how)),
    tryLock: (name, how) => made(tryLock(lockPath(name), how)),
    holderOf: (name) => noteOf(lockPath(name)),
    lockMerge: (alone, onWait) => made(lock(lockPath("merge"), { shared: !alone, sharable: true, onWait })),
    want: (digest) => made(lock(lockPath(wantedName(digest)), { shared: true })),
    unlessWanted: (digest, work) =>
      Effect.scoped(
        Effect.flatMap(tryLock(lockPath(wantedName(digest)), { sharable: true }), (alone) =>
          alone ? work : Effect.void
        )
      ),
    hold: (digests) => made(holdDigests(root, digests)),
    using,
    tidy: Effect.suspend(() => (tidied ? Effect.void : tidy)),
    freeSpace: freeSpace(layersDir),
    stage: () => Effect.flatMap(area, stageIn),
    blobs: options.keepBlobs === undefined ? undefined : makeBlobLayout(resolve(options.keepBlobs), options),
    scratch: Effect.flatMap(area, stageIn),
    proofs,
    fingerprints,
    setAside: (tree) => setAside({ root, lockPath, area }, tree),
    publish: (staging, digest) => Effect.as(publish(staging, layerPath(digest)), layerPath(digest)),
    replaceTree: (staging, { digest, path }) => replaceTree({ root, area }, staging, path, digest),
    publishRootfs: (staging, manifest) => publish(staging, rootfsPath(manifest)),
    partial: ({ digest, size }) => made(openPartial(partialPath(digest), size)),
    scratchPartial: Effect.fnUntraced(function* ({ size }) {
      const path = join(yield* area, randomUUID())
      yield* Effect.addFinalizer(() => Effect.ignore(removeFile(path)))
      return yield* openPartial(path, size)
    }),
    dropPartial: (digest) => removeFile(partialPath(digest)),
    kept: (digests) =>
      Effect.map(
        Effect.forEach(digests, (digest) => {
          const path = partialPath(digest)
          return Effect.map(ifMissing(syscall("stat", path, () => stat(path))), (it) => ({
            digest,
            bytes: it?.size ?? 0
          }))
        }),
        (blobs) => blobs.filter(({ bytes }) => bytes > 0)
      ),
    isNamed: (reference) => isNamed(root, reference),
    prepare: Effect.flatMap(catalogue, (it) => it.prepare),
    find: (reference, platform) => Effect.flatMap(catalogue, (it) => it.find(reference, platform)),
    record: (image) =>
      made(
        Effect.andThen(
          syncRecords(recordsOf(image)),
          Effect.flatMap(catalogue, (it) => it.record(image))
        )
      ),
    images: (options) => Effect.flatMap(catalogue, (it) => it.images(options)),
    inspect: (reference) => Effect.flatMap(catalogue, (it) => it.inspect(reference)),
    remove: (reference) => Effect.flatMap(keeping, (it) => it.remove(reference)),
    prune: (how) =>
      Effect.andThen(
        how?.dryRun === true ? directories.check : directories.make,
        Effect.flatMap(keeping, (it) => it.prune(how))
      ),
    usage: Effect.flatMap(keeping, (it) => it.usage),
    verify: Effect.flatMap(keeping, (it) => it.verify),
    trees: Effect.flatMap(keeping, (it) => it.trees)
  })
})

export class Store extends Context.Service<
  Store,
  {
    readonly root: string
    readonly layersDir: string
    /** Path of the catalogue's file. */
    readonly database: string
    readonly layerPath: (digest: Digest) => string
    /** An image is one directory with all layers merged, and complete when that is there. */
    readonly merged: boolean
    readonly rootfsPath: (manifest: Digest) => string
    readonly hasRootfs: (manifest: Digest) => Effect.Effect<boolean, Reason>
    /** Its directory is there, and so all of it. */
    readonly hasLayer: (digest: Digest) => Effect.Effect<boolean, Reason>
    /** The same by a tree's path. */
    readonly isThere: (path: string) => Effect.Effect<boolean, Reason>
    /**
     * Holds a name (a layer's digest) against all other pulls, of this process and others, until the scope closes;
     * dies with the process. `onWait` is called once where another has it.
     */
    readonly lock: (name: string, how?: LockOptions) => Effect.Effect<void, Reason, Scope.Scope>
    /** The same without waiting: `false` where another has it. */
    readonly tryLock: (name: string, how?: LockOptions) => Effect.Effect<boolean, Reason, Scope.Scope>
    /** What the holder of a lock noted; `undefined` where nobody holds it, or it cannot be told. */
    readonly holderOf: (name: string) => Effect.Effect<string | undefined>
    /** Held while layers are merged; `alone`: no other merge goes on meanwhile. */
    readonly lockMerge: (alone: boolean, onWait?: () => void) => Effect.Effect<void, Reason, Scope.Scope>
    /** Says that the blob is wanted, until the scope closes; before its lock is waited for. */
    readonly want: (digest: Digest) => Effect.Effect<void, Reason, Scope.Scope>
    /** Does what ends the keeping of a blob, unless somebody else wants it: who asks no longer does. */
    readonly unlessWanted: (digest: Digest, work: Effect.Effect<void, Reason>) => Effect.Effect<void, Reason>
    /**
     * Held by a pull from its first look to its row, beside any other pull: while it is, no cleaning up takes away a
     * layer that is published and not yet named by an image.
     */
    readonly using: Effect.Effect<void, Reason, Scope.Scope>
    /** Keeps the trees that these digests name from being taken away, until the scope closes. Beside `using`. */
    readonly hold: (digests: ReadonlyArray<string>) => Effect.Effect<void, Reason, Scope.Scope>
    /** Removes what processes left that died while they extracted; once. */
    readonly tidy: Effect.Effect<void>
    /** Bytes free where layers are written; `undefined` where the file system does not say. */
    readonly freeSpace: Effect.Effect<number | undefined>
    /** A fresh empty directory on the file system of the layers, removed with the scope unless it was published. */
    readonly stage: (digest: Digest) => Effect.Effect<string, Reason, Scope.Scope>
    /** The same for what is needed for a while. */
    readonly scratch: Effect.Effect<string, Reason, Scope.Scope>
    /** Where blobs are kept, if they are. */
    readonly blobs: BlobLayout | undefined
    /** What is known of the archives within blobs. */
    readonly proofs: Proofs
    /** What trees looked like when they were finished. */
    readonly fingerprints: Fingerprints
    /**
     * Takes a tree away until the scope closes; then it is put back, or, where another has its name by now, removed.
     * `false`, and nothing is done, where a pull is running or somebody holds the tree.
     */
    readonly setAside: (tree: Pick<NamedTree, "digest" | "path">) => Effect.Effect<boolean, Reason, Scope.Scope>
    /** Gives a staged layer its name, by rename; one that is there already stays. Gives the layer's path. */
    readonly publish: (staging: string, digest: Digest) => Effect.Effect<string, Reason>
    /**
     * Gives what is staged the name of a tree that nothing proves. `false` where that one is held by a program, and stays.
     * Whoever asks holds the digest's lock.
     */
    readonly replaceTree: (staging: string, tree: Pick<NamedTree, "digest" | "path">) => Effect.Effect<boolean, Reason>
    /** The same for all layers of a manifest in one directory. */
    readonly publishRootfs: (staging: string, manifest: Digest) => Effect.Effect<string, Reason>
    /** The bytes of this blob that arrived earlier. Whoever asks holds the digest's lock. `size`: of the whole blob. */
    readonly partial: (blob: {
      readonly digest: Digest
      readonly size: number
    }) => Effect.Effect<PartialBlob, Reason, Scope.Scope>
    /** A place for the bytes of this blob while they are needed, for whoever does not hold the digest's lock. */
    readonly scratchPartial: (blob: { readonly size: number }) => Effect.Effect<PartialBlob, Reason, Scope.Scope>
    /** A process died after its layer had got its name: the bytes are not needed. Whoever asks holds the digest's lock. */
    readonly dropPartial: (digest: Digest) => Effect.Effect<void, Reason>
    /** Of these blobs, those whose download was cut off: the bytes that are kept, where the next pull goes on. */
    readonly kept: (digests: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<ReclaimedBlob>, Reason>
    /**
     * `false` where the catalogue does not know this reference, unless a power cut took its record and left its rows;
     * answered by a look at a file's name, without the database engine.
     */
    readonly isNamed: (reference: string) => Effect.Effect<boolean, Reason>
    /** Loads the engine and the catalogue, for what will be asked soon. */
    readonly prepare: Effect.Effect<void, Reason>
    /** The image, where the catalogue knows it for this platform and every layer is there. Marks it as used. */
    readonly find: (reference: string, platform: RecordedPlatform) => Effect.Effect<Option.Option<PulledImage>, Reason>
    /** Enters an image whose layers are all published: one transaction, on disk when this succeeds. */
    readonly record: (image: ImageRecord) => Effect.Effect<PulledImage, Reason>
    /** By reference. */
    readonly images: (options?: ListOptions) => Effect.Effect<ReadonlyArray<ImageSummary>, Reason>
    readonly inspect: (reference: string) => Effect.Effect<Option.Option<ImageDetails>, Reason>
    /** Forgets a reference, and removes the layers that only it needed. */
    readonly remove: (reference: string) => Effect.Effect<Reclaimed, Reason>
    /** Removes what no image needs, and the images that the options say. */
    readonly prune: (options?: PruneOptions) => Effect.Effect<Reclaimed, Reason>
    readonly usage: Effect.Effect<Usage, Reason>
    /** What on disk is not as the catalogue says; what the trees hold is not looked at. */
    readonly verify: Effect.Effect<ReadonlyArray<Fault>, Reason>
    /** The trees on disk that images name, made with whatever options. */
    readonly trees: Effect.Effect<ReadonlyArray<NamedTree>, Reason>
  }
>()("ociflow/store/Store") {
  /** Opening touches nothing: directories and the database engine come with the first use. */
  static layer(options: StoreOptions = {}): Layer.Layer<Store, Reason> {
    return Layer.effect(Store, make(options))
  }
}
