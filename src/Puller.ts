/**
 * The service that pulls: one per store and configuration, shared by every pull of a program. It is a light name; what
 * it needs (network, catalogue, worker threads) is loaded when its layer is built.
 */
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Observable } from "rxjs"
import type {
  ConfigOptions,
  EntriesOptions,
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
import type { ImageConfig } from "./api/ImageConfig.ts"
import type { ManifestDocument, Referrer, Resolution } from "./api/Lookup.ts"
import { calledAt, callSite } from "./api/taggedError.ts"
import { loadModule } from "./fs/loadModule.ts"
import type { BlobFunction } from "./read/blob/BlobFunction.ts"
import type { EntriesFunction, Entry, EntryFacts, ReadFileFunction, TreeFunction } from "./read/entries/Entry.ts"
import type { ImageDetails, ImageSummary } from "./store/catalogue/ImageRecord.ts"
import type { Reclaimed, ReclaimedBlob, Usage, Verified } from "./store/UpkeepResults.ts"

export class Puller extends Context.Service<
  Puller,
  {
    /** Pulls an image; `emit` sees each event, the last one is `Pulled`. Interruption leaves nothing half done. */
    readonly pull: (
      reference: string,
      options?: PullOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<PullResult, PullError>
    /** The same pull as a cold sequence of its events: subscribing pulls, unsubscribing cancels. */
    readonly pull$: (reference: string, options?: PullOptions & Watching) => Observable<PullEvent>
    /**
     * The entries of an image's layers, lowest layer first, without writing them: a file that several layers have comes once
     * for each, whiteouts are entries, and bytes are verified when the sequence has completed. The next entry is read when
     * what `project` gave for the last has completed; until then that entry can be read. Unsubscribing ends the download there.
     *
     * Without `project` the next entry comes when the observer's `next` has returned and, if it reads the body, when that
     * is over: for observers that work synchronously. All others give `project`, or use `entries`.
     */
    readonly entries$: EntriesFunction
    /**
     * The same entries, each read when it is asked for: `for await (const entry of oci.entries(reference))`. An entry can be read until
     * the next one is asked for. Leaving the loop closes everything; until then a worker waits.
     */
    readonly entries: (reference: string, options?: EntriesOptions & Watching) => AsyncIterable<Entry>
    /**
     * The image as a container sees it: each path once, as the highest layer that has it says, whiteouts applied, hard links
     * whole. A directory comes before what is in it, a hard link behind its file. From the store without the network if the
     * image is there. Else its layers are read before the first entry comes, so that all of it is verified; with `only` no
     * lower than needed. `project` as for `entries$`.
     */
    readonly tree$: TreeFunction
    /** The same entries, each read when it is asked for: `for await (const entry of oci.tree(reference))`. */
    readonly tree: (reference: string, options?: TreeOptions & Watching) => AsyncIterable<Entry>
    /**
     * One file of the image, at most `limits.bodyBytes`; text with `encoding`. Symbolic links are followed within the image.
     * Nothing is pulled: it comes from the store if the image is there; else the layers are downloaded from the highest down
     * to the one that has the file. Fails with `NotInImage` or `UnsuitablePath`.
     */
    readonly readFile: ReadFileFunction
    /**
     * What is in a directory of the image, by name; of another path, that itself. Default: the root. Symbolic links in the
     * path are followed. Fails with `NotInImage` or `UnsuitablePath`.
     */
    readonly list: (
      reference: string,
      path?: string,
      options?: ListDirectoryOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<ReadonlyArray<EntryFacts>, PullError>
    /**
     * An image's config: environment, entry point, user and more. Nothing is pulled: it comes from the store if the image is
     * there, else from the registry.
     */
    readonly config: (
      reference: string,
      options?: ConfigOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<ImageConfig, PullError>
    /**
     * The bytes of a blob, by its digest: any that the reference's repository has, whether or not the image names it. They are
     * verified as they pass: the last piece comes when digest and size are proven, else the error comes in its place. A
     * body that breaks is continued. The next piece comes when what `project` gave for the last has completed; without
     * `project`, when the observer's `next` has returned and the gate is open. Unsubscribing closes the connection.
     */
    readonly blob$: BlobFunction
    /** The same bytes, each piece when it is asked for: `for await (const chunk of oci.blob(reference, digest))`. */
    readonly blob: (reference: string, digest: string, options?: LookOptions & Watching) => AsyncIterable<Uint8Array>
    /** What a reference stands for now: digest, platforms, sizes. Nothing is pulled. */
    readonly resolve: (
      reference: string,
      options?: LookOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<Resolution, PullError>
    /** The document that a reference stands for, or with a platform the manifest for that. */
    readonly manifest: (
      reference: string,
      options?: ManifestOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<ManifestDocument, PullError>
    /** The tags of a reference's repository; of a file, the names in it. Pages are asked for as they are needed. */
    readonly tags$: (reference: string, options?: LookOptions & Watching) => Observable<string>
    readonly tags: (
      reference: string,
      options?: LookOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<ReadonlyArray<string>, PullError>
    /** Hands each tag to `next` as its page arrives. `ociflow/streams` is made of it. */
    readonly forEachTag: (
      reference: string,
      next: (tag: string) => void,
      options?: LookOptions & Watching
    ) => Effect.Effect<void, PullError>
    /** Artifacts attached to the image (signatures, SBOMs), as the registry lists them. */
    readonly referrers$: (reference: string, options?: ReferrersOptions & Watching) => Observable<Referrer>
    readonly referrers: (
      reference: string,
      options?: ReferrersOptions & Watching,
      emit?: Emit
    ) => Effect.Effect<ReadonlyArray<Referrer>, PullError>
    /** Hands each to `next` as its page arrives. */
    readonly forEachReferrer: (
      reference: string,
      next: (referrer: Referrer) => void,
      options?: ReferrersOptions & Watching
    ) => Effect.Effect<void, PullError>
    /** The images that the store holds, by reference: all of them, or a page. */
    readonly images: (options?: ListOptions & Watching) => Effect.Effect<ReadonlyArray<ImageSummary>, PullError>
    /** All that the store knows of one image. Fails with `NotCached` where it knows none. */
    readonly inspect: (reference: string, options?: Watching) => Effect.Effect<ImageDetails, PullError>
    /**
     * Keeps an image that the store holds where it is, until the scope closes: `remove` and `prune`, in whatever process,
     * leave its layers for later. Ends with the process. Fails with `NotCached`.
     */
    readonly hold: (
      reference: string,
      options?: HoldOptions & Watching
    ) => Effect.Effect<PulledImage, PullError, Scope.Scope>
    /**
     * Forgets a reference, and removes the layers that only it needed. Safe beside pulls, which may defer it. Fails with
     * `NotCached` where the store knows no such reference.
     */
    readonly remove: (reference: string, options?: Watching) => Effect.Effect<Reclaimed, PullError>
    /** Removes what no image needs, downloads that were cut off, and the images that the options say. */
    readonly prune: (options?: PruneOptions & Watching) => Effect.Effect<Reclaimed, PullError>
    /** Of these layers, those whose download was cut off: the bytes that are kept, where the next pull goes on. */
    readonly kept: (
      digests: ReadonlyArray<string>,
      options?: Watching
    ) => Effect.Effect<ReadonlyArray<ReclaimedBlob>, PullError>
    /** What the store occupies on disk, measured now. */
    readonly usage: (options?: Watching) => Effect.Effect<Usage, PullError>
    /** Compares the store with its catalogue; with `repair` pulls again what is not as it should be. */
    readonly verify: (options?: VerifyOptions & Watching, emit?: Emit) => Effect.Effect<Verified, PullError>
    /** Resolves when all that was unsubscribed from by now has closed what it had open. */
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

  /** The same with options from the configuration: a `Config` of all, or a record in which each is a `Config`. */
  static layerConfig(options: Config.Wrap<PullerOptions>): Layer.Layer<Puller, PullError | Config.ConfigError> {
    const unwrapped = Effect.flatMap(
      Effect.promise(() => import("effect/Config")),
      ({ unwrap }) => unwrap<PullerOptions>(options)
    )
    return Layer.unwrap(Effect.map(unwrapped, (options) => Puller.layer(options)))
  }

  /**
   * A puller for tests, without a network or a store. What is not given dies when it is called; `pull$` is made of `pull`,
   * if that is given.
   */
  static layerTest(methods: Partial<Puller["Service"]>): Layer.Layer<Puller> {
    return Layer.unwrap(
      Effect.gen(function* () {
        const { throwError } = yield* Effect.promise(() => import("rxjs"))
        const { eventsOf, makeLift } = yield* Effect.promise(() => import("./reactive/bridge.ts"))
        const lift = yield* makeLift()
        const missing$ = (name: string) => () => throwError(() => new Error(`this puller has no ${name}`))
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
          blob$: missing$("blob$"),
          blob: () => {
            throw new Error("this puller has no blob")
          },
          tags$: missing$("tags$"),
          referrers$: missing$("referrers$"),
          settled: Effect.void,
          ...methods
        })
      })
    )
  }
}

/** Pulls an image through the `Puller` of the context. */
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
