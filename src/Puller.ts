/**
 * The service that pulls: one for each store and configuration, shared by every pull of a program. This module is small.
 * The network, the catalogue and the worker threads are loaded when the layer is built.
 */
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Observable } from "rxjs"
import type {
  BundleOptions,
  ConfigOptions,
  EntriesOptions,
  ExportOptions,
  HoldOptions,
  ListDirectoryOptions,
  ListOptions,
  LookOptions,
  ManifestOptions,
  PruneOptions,
  PullerOptions,
  PullOptions,
  ReferrersOptions,
  TreeOptions,
  VerifyOptions,
  Watching
} from "./api/config.ts"
import { PullError } from "./api/errors.ts"
import type { Emit, PullEvent, PulledImage, PullResult } from "./api/events.ts"
import type { Bundle } from "./api/results/Bundle.ts"
import type { ImageConfig } from "./api/results/ImageConfig.ts"
import type { ManifestDocument, Referrer, Resolution } from "./api/results/Lookup.ts"
import { calledAt, callSite } from "./api/taggedError.ts"
import type { ExportFunction, References } from "./export/ExportFunction.ts"
import { loadModule } from "./fs/loadModule.ts"
import type { PullsEffect } from "./pulls/makePulls.ts"
import type { ArtifactEffect } from "./read/artifact/ArtifactFunction.ts"
import type { BlobFunction } from "./read/blob/BlobFunction.ts"
import type { EntriesFunction, Entry, EntryFacts, ReadFileFunction, TreeFunction } from "./read/entries/Entry.ts"
import type { ImageDetails, ImageSummary } from "./store/records/ImageRecord.ts"
import type { Reclaimed, ReclaimedBlob, Usage, Verified } from "./store/UpkeepResults.ts"

export class Puller extends Context.Service<
  Puller,
  {
    /**
     * Pulls an image. `emit` is called with each event; the last one is `Pulled`. If the fiber is interrupted, everything that
     * the pull opened is closed, and downloaded bytes are kept for the next pull.
     */
    readonly pull: (
      reference: string,
      options?: PullOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<PullResult, PullError>
    /** The same pull as a cold observable of its events: subscribing starts the pull, unsubscribing cancels it. */
    readonly pull$: (reference: string, options?: PullOptions & Watching) => Observable<PullEvent>
    /**
     * Reads the entries of an image's layers, lowest layer first, without writing them. A file that several layers have is
     * emitted once for each layer, and whiteouts are entries too. The bytes are verified when the observable completes.
     * The next entry is read after the result of `project` for the last one has completed; until then, the last entry's body
     * can be read. Unsubscribing ends the download.
     *
     * Without `project`, the next entry is emitted after the observer's `next` has returned and the body, if `next` reads
     * it, has ended. That is for observers that work synchronously. All others pass `project`, or use `entries`.
     */
    readonly entries$: EntriesFunction
    /**
     * Reads the same entries one at a time: `for await (const entry of oci.entries(reference))`. An entry's body can be read
     * until the next entry is requested. Leaving the loop closes everything; until then, a worker is occupied.
     */
    readonly entries: (reference: string, options?: EntriesOptions & Watching) => AsyncIterable<Entry>
    /**
     * Reads the image as a container sees it: each path once, from the highest layer that has it, with whiteouts applied. A
     * directory is emitted before its content, and a hard link after its file. If the image is in the store, it is read there,
     * without the network. If not, its layers are read and verified before the first entry is emitted; with `only`, just the layers
     * that are needed. `project` works as for `entries$`.
     */
    readonly tree$: TreeFunction
    /** Reads the same entries one at a time: `for await (const entry of oci.tree(reference))`. */
    readonly tree: (reference: string, options?: TreeOptions & Watching) => AsyncIterable<Entry>
    /**
     * Reads one file of the image, of at most `limits.bodyBytes`; with `encoding`, as text. Symbolic links are followed within
     * the image. It pulls nothing: it reads the store if the image is there; if not, it downloads the layers from the highest down
     * to the one that has the file. Fails with `NotInImage` or `UnsuitablePath`.
     */
    readonly readFile: ReadFileFunction
    /**
     * Lists a directory of the image, ordered by name, by default the root. For any other path, it returns that entry alone.
     * Symbolic links in the path are followed. Fails with `NotInImage` or `UnsuitablePath`.
     */
    readonly list: (
      reference: string,
      path?: string,
      options?: ListDirectoryOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<ReadonlyArray<EntryFacts>, PullError>
    /**
     * Returns an image's config: environment, entry point, user and more. It pulls nothing. The config comes from the store
     * if the image is there, from the registry otherwise.
     */
    readonly config: (
      reference: string,
      options?: ConfigOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<ImageConfig, PullError>
    /**
     * Downloads an artifact, such as a Helm chart, files pushed by ORAS, a wasm module, an SBOM or a signature, and verifies its
     * files. With `into`, it writes them into that directory, and unpacks archives that are marked for it, or with `unpack` every
     * tar. Without `into`, it returns them in memory.
     */
    readonly artifact: ArtifactEffect
    /**
     * Makes one file of the image, piece by piece: a tar of the tree that a container sees, with the image's owners, or an
     * archive of its blobs for `docker load` and others; of several images, too. The same image gives the same bytes. No
     * tree is written, and no rights are needed. Each piece is asked for when the result of `project` for the last one has
     * completed; without `project`, when the observer's `next` has returned and the gate is open.
     */
    readonly export$: ExportFunction
    /** Makes the same bytes one piece at a time. */
    readonly export: (references: References, options?: ExportOptions & Watching) => AsyncIterable<Uint8Array>
    /**
     * Makes a bundle of the image in a directory, which must not exist or be empty: `config.json` beside `rootfs`, for `runc`, `crun` and
     * others. The tree is a copy, which the container may change. If the image is in the store, it is read there; if not, its layers are
     * downloaded, and the store stays as it is. The directory has all of it or, if the call fails, nothing.
     */
    readonly bundle: (
      reference: string,
      directory: string,
      options?: BundleOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<Bundle, PullError>
    /**
     * Reads a blob of the reference's repository by its digest, whether or not the image names it. Its bytes are verified as
     * they pass: the last piece is emitted only if digest and size are right; if not, the observable fails instead. A body that
     * breaks is continued. The next piece is emitted after the result of `project` for the last one has completed; without
     * `project`, after the observer's `next` has returned and while the gate is open. Unsubscribing closes the connection.
     */
    readonly blob$: BlobFunction
    /** Reads the same bytes one piece at a time: `for await (const chunk of oci.blob(reference, digest))`. */
    readonly blob: (reference: string, digest: string, options?: LookOptions & Watching) => AsyncIterable<Uint8Array>
    /** Resolves a reference to its current digest, platforms and sizes. It pulls nothing. */
    readonly resolve: (
      reference: string,
      options?: LookOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<Resolution, PullError>
    /** Returns the index or manifest that a reference names; with `platform`, the manifest for that platform. */
    readonly manifest: (
      reference: string,
      options?: ManifestOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<ManifestDocument, PullError>
    /** Lists the tags of a reference's repository, or the names in a file. Pages are requested as they are needed. */
    readonly tags$: (reference: string, options?: LookOptions & Watching) => Observable<string>
    readonly tags: (
      reference: string,
      options?: LookOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<ReadonlyArray<string>, PullError>
    /** Calls `next` with each tag as its page arrives. `ociflow/streams` uses it. */
    readonly forEachTag: (
      reference: string,
      next: (tag: string) => void,
      options?: LookOptions & Watching
    ) => Effect.Effect<void, PullError>
    /** Lists the artifacts attached to the image (signatures, SBOMs), as the registry reports them. */
    readonly referrers$: (reference: string, options?: ReferrersOptions & Watching) => Observable<Referrer>
    readonly referrers: (
      reference: string,
      options?: ReferrersOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<ReadonlyArray<Referrer>, PullError>
    /** Calls `next` with each referrer as its page arrives. */
    readonly forEachReferrer: (
      reference: string,
      next: (referrer: Referrer) => void,
      options?: ReferrersOptions & Watching
    ) => Effect.Effect<void, PullError>
    /** Lists the images in the store, ordered by reference: all of them, or a page. */
    readonly images: (options?: ListOptions & Watching) => Effect.Effect<ReadonlyArray<ImageSummary>, PullError>
    /** Returns everything that the store knows about an image. Fails with `NotCached` if the image is not in the store. */
    readonly inspect: (reference: string, options?: Watching) => Effect.Effect<ImageDetails, PullError>
    /**
     * Protects a stored image from removal until the scope closes or the process ends: `remove` and `prune`, in any process,
     * leave its layers. Fails with `NotCached` if the image is not in the store.
     */
    readonly hold: (
      reference: string,
      options?: HoldOptions & Watching
    ) => Effect.Effect<PulledImage, PullError, Scope.Scope>
    /**
     * Removes a reference, and the layers that only it needed. It is safe while pulls run: the layers may then stay until the
     * next `prune` (`deferred`). Fails with `NotCached` if the reference is not in the store.
     */
    readonly remove: (reference: string, options?: Watching) => Effect.Effect<Reclaimed, PullError>
    /** Removes what no image needs, interrupted downloads, and the images that the options select. */
    readonly prune: (options?: PruneOptions & Watching) => Effect.Effect<Reclaimed, PullError>
    /** Returns those of the layers whose download was interrupted, with the number of bytes that are kept. The next pull continues after them. */
    readonly kept: (
      digests: ReadonlyArray<string>,
      options?: Watching
    ) => Effect.Effect<ReadonlyArray<ReclaimedBlob>, PullError>
    /** Measures the disk space that the store takes. */
    readonly usage: (options?: Watching) => Effect.Effect<Usage, PullError>
    /** Compares the store with its catalogue. With `repair`, it pulls again what is missing or was changed. */
    readonly verify: (options?: VerifyOptions & Watching, emit?: Emit) => Effect.Effect<Verified, PullError>
    /** The pulls of this puller, to be shown, shared and cancelled. */
    readonly pulls: PullsEffect
    /** Waits until all cancelled subscriptions have closed their files and sockets. */
    readonly settled: Effect.Effect<void>
  }
>()("ociflow/Puller") {
  static layer(options: PullerOptions = {}): Layer.Layer<Puller, PullError> {
    const opening = loadModule("the puller", () => import("./makePuller.ts")).pipe(
      Effect.mapError((reason) => new PullError({ reference: "(open)", reason })),
      Effect.flatMap(({ makePuller }) => makePuller(options))
    )
    return Layer.effect(Puller, opening)
  }

  /** Like `layer`, with options from the configuration: one `Config` for all options, or a record with a `Config` for each. */
  static layerConfig(options: Config.Wrap<PullerOptions>): Layer.Layer<Puller, PullError | Config.ConfigError> {
    const unwrapped = Effect.flatMap(
      Effect.promise(() => import("effect/Config")),
      ({ unwrap }) => unwrap<PullerOptions>(options)
    )
    return Layer.unwrap(Effect.map(unwrapped, (options) => Puller.layer(options)))
  }

  /**
   * A puller for tests, without a network or a store. A method that is not given dies when it is called. If `pull` is given,
   * `pull$` is derived from it.
   */
  static layerTest(methods: Partial<Puller["Service"]>): Layer.Layer<Puller> {
    return Layer.unwrap(
      Effect.gen(function* () {
        const { Observable } = yield* Effect.promise(() => import("./seams/rxjs.ts"))
        const { eventsOf, makeLift } = yield* Effect.promise(() => import("./reactive/bridge.ts"))
        const { makePulls } = yield* Effect.promise(() => import("./pulls/makePulls.ts"))
        const lift = yield* makeLift()
        const missing$ = (name: string) => () =>
          new Observable<never>((observer) => observer.error(new Error(`this puller has no ${name}`)))
        const { pull } = methods
        // Of a pull that does not tell its end, that is added.
        const pull$: Puller["Service"]["pull$"] = (reference, options) =>
          eventsOf<PullEvent, PullResult>(
            lift,
            (emit) => pull?.(reference, options, emit) ?? Effect.die("no pull"),
            (told, { cached, ...image }) => (told?._tag === "Pulled" ? undefined : { _tag: "Pulled", image, cached })
          )
        return Layer.mock(Puller, {
          pull$: pull === undefined ? missing$("pull$") : pull$,
          entries$: missing$("entries$"),
          tree$: missing$("tree$"),
          tree: () => {
            throw new Error("this puller has no tree")
          },
          entries: () => {
            throw new Error("this puller has no entries")
          },
          export$: missing$("export$"),
          export: () => {
            throw new Error("this puller has no export")
          },
          blob$: missing$("blob$"),
          blob: () => {
            throw new Error("this puller has no blob")
          },
          tags$: missing$("tags$"),
          referrers$: missing$("referrers$"),
          settled: Effect.void,
          pulls: yield* makePulls({
            pull: pull ?? (() => Effect.die("no pull")),
            identify: (reference) => Effect.succeed({ id: reference, reference }),
            interrupted: Effect.succeed([]),
            forget: () => Effect.void,
            options: undefined
          }),
          ...methods
        })
      })
    )
  }
}

/** Pulls an image with the `Puller` of the context. */
export const pull = (
  reference: string,
  options?: PullOptions & Watching,
  emit?: Emit
): Effect.Effect<PullResult, PullError, Puller> => {
  const site = callSite(pull)
  return Puller.use((puller) => puller.pull(reference, options, emit)).pipe(
    Effect.mapError((error) => calledAt(error, site))
  )
}
