/** The Promise and Observable faces of a `Puller`, for programs that know nothing of Effect. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { LogToStderr } from "effect/References"
import * as Scope from "effect/Scope"
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
  ReadFileOptions,
  ReferrersOptions,
  TreeOptions,
  VerifyOptions,
  Watching
} from "./api/config.ts"
import { PullError } from "./api/errors.ts"
import type { PullEvent, PulledImage, PullResult } from "./api/events.ts"
import type { ImageConfig } from "./api/ImageConfig.ts"
import type { ManifestDocument, Referrer, Resolution } from "./api/Lookup.ts"
import { LogWarnings } from "./api/sanitizeEvents.ts"
import { calledAt, callSite } from "./api/taggedError.ts"
import { login, logout } from "./login.ts"
import { Puller } from "./Puller.ts"
import { abortable } from "./reactive/abortable.ts"
import { errorOf } from "./reactive/bridge.ts"
import type { BlobFunction } from "./read/blob/BlobFunction.ts"
import type { EntriesFunction, Entry, EntryFacts, ReadFilePromise, TreeFunction } from "./read/entries/Entry.ts"
import type { ImageDetails, ImageSummary } from "./store/catalogue/ImageRecord.ts"
import type { Reclaimed, ReclaimedBlob, Usage, Verified } from "./store/UpkeepResults.ts"

/** An image in use: `await using held = await oci.hold(reference)`. */
export interface Held extends AsyncDisposable {
  readonly image: PulledImage
  readonly release: () => Promise<void>
}

export interface Client extends AsyncDisposable {
  /** Cold: subscribing pulls, unsubscribing cancels; the last event, `Pulled`, carries the image. Errors: `PullError`. */
  readonly pull$: (reference: string, options?: PullOptions & Watching) => Observable<PullEvent>
  /**
   * Rejects with a `PullError`; with the signal's reason where it was aborted; with an `AbortError` where the client
   * was closed meanwhile. In each case only after everything that the pull had opened is closed again.
   */
  readonly pull: (reference: string, options?: PullOptions & Watching) => Promise<PullResult>
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
   * to the one that has the file. Rejects with `NotInImage` or `UnsuitablePath`.
   */
  readonly readFile: ReadFilePromise
  /**
   * What is in a directory of the image, by name; of another path, that itself. Default: the root. Symbolic links in the
   * path are followed. Rejects with `NotInImage` or `UnsuitablePath`.
   */
  readonly list: (
    reference: string,
    path?: string,
    options?: ListDirectoryOptions & Watching
  ) => Promise<ReadonlyArray<EntryFacts>>
  /**
   * An image's config: environment, entry point, user and more. Nothing is pulled: it comes from the store if the image is
   * there, else from the registry.
   */
  readonly config: (reference: string, options?: ConfigOptions & Watching) => Promise<ImageConfig>
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
  readonly resolve: (reference: string, options?: LookOptions & Watching) => Promise<Resolution>
  /** The document that a reference stands for, or with a platform the manifest for that. */
  readonly manifest: (reference: string, options?: ManifestOptions & Watching) => Promise<ManifestDocument>
  /** The tags of a reference's repository; of a file, the names in it. Pages are asked for as they are needed. */
  readonly tags$: (reference: string, options?: LookOptions & Watching) => Observable<string>
  readonly tags: (reference: string, options?: LookOptions & Watching) => Promise<ReadonlyArray<string>>
  /** Artifacts attached to the image (signatures, SBOMs), as the registry lists them. */
  readonly referrers$: (reference: string, options?: ReferrersOptions & Watching) => Observable<Referrer>
  readonly referrers: (reference: string, options?: ReferrersOptions & Watching) => Promise<ReadonlyArray<Referrer>>
  /** The images that the store holds, by reference: all of them, or a page. */
  readonly images: (options?: ListOptions & Watching) => Promise<ReadonlyArray<ImageSummary>>
  /** All that the store knows of one image. Rejects with `NotCached` where it knows none. */
  readonly inspect: (reference: string, options?: Watching) => Promise<ImageDetails>
  /**
   * Keeps an image that the store holds where it is, until it is released, the client is closed or the process ends:
   * `remove` and `prune`, in whatever process, leave its layers for later. Rejects with `NotCached`.
   */
  readonly hold: (reference: string, options?: HoldOptions & Watching) => Promise<Held>
  /**
   * Forgets a reference, and removes the layers that only it needed. Safe beside pulls, which may defer it. Rejects with
   * `NotCached` where the store knows no such reference.
   */
  readonly remove: (reference: string, options?: Watching) => Promise<Reclaimed>
  /** Removes what no image needs, downloads that were cut off, and the images that the options say. */
  readonly prune: (options?: PruneOptions & Watching) => Promise<Reclaimed>
  /** Of these layers, those whose download was cut off: the bytes that are kept, where the next pull goes on. */
  readonly kept: (digests: ReadonlyArray<string>, options?: Watching) => Promise<ReadonlyArray<ReclaimedBlob>>
  /** What the store occupies on disk, measured now. */
  readonly usage: (options?: Watching) => Promise<Usage>
  /** Compares the store with its catalogue; with `repair` pulls again what is not as it should be. */
  readonly verify: (options?: VerifyOptions & Watching) => Promise<Verified>
  /**
   * Checks credentials against the registry and keeps them where docker does. Resolves with the file's path, or the
   * helper's name.
   */
  readonly login: (
    registry: string,
    credentials: { readonly username: string; readonly password: string },
    options?: Pick<Watching, "signal">
  ) => Promise<Effect.Success<ReturnType<typeof login>>>
  /** Forgets them. `known` is false if nobody was logged in. */
  readonly logout: (
    registry: string,
    options?: Pick<Watching, "signal">
  ) => Promise<Effect.Success<ReturnType<typeof logout>>>
  /**
   * Resolves when everything that was unsubscribed from by now has closed its files and sockets: then its store can be
   * removed.
   */
  readonly settled: () => Promise<void>
  /** Cancels what is under way, and resolves when workers, sockets and files are closed. */
  readonly close: () => Promise<void>
}

/** Opens a store and everything a pull needs. Close it, or hold it by `await using`. Rejects with a `PullError`. */
export const open = async (options: PullerOptions = {}): Promise<Client> => {
  // Warnings are events here, and a promise without a listener says nothing.
  const logging = Layer.mergeAll(Layer.succeed(LogToStderr, true), Layer.succeed(LogWarnings, false))
  const runtime = ManagedRuntime.make(Layer.provideMerge(Puller.layer(options), logging))
  let closed = false
  const run = async <A, E>(effect: Effect.Effect<A, E, Puller>, watching?: Watching): Promise<A> => {
    // Before anything is awaited: then nobody's call would be on the stack any more.
    const site = callSite(run)
    // Whatever was given: what is no signal is refused when the options are checked.
    const isAborted = () => watching?.signal?.aborted === true
    if (isAborted()) throw watching?.signal?.reason
    if (closed) throw new DOMException("the client was closed", "AbortError")
    const exit = await runtime.runPromiseExit(effect)
    if (Exit.isSuccess(exit)) return exit.value
    if (Cause.hasInterruptsOnly(exit.cause) && isAborted()) throw watching?.signal?.reason
    const error = errorOf(exit.cause)
    throw error instanceof PullError ? calledAt(error, site) : error
  }
  const puller = await run(Puller)
  const holds = new Set<Scope.Closeable>()
  const release = async (scope: Scope.Closeable) => {
    if (holds.delete(scope)) await Effect.runPromise(Scope.close(scope, Exit.void))
  }
  const close = async () => {
    closed = true
    await Promise.all([...holds].map(release))
    await runtime.dispose()
  }
  const hold: Client["hold"] = async (reference, options) => {
    const scope = Scope.makeUnsafe()
    holds.add(scope)
    const released = () => release(scope)
    try {
      const image = await run(Scope.provide(puller.hold(reference, options), scope), options)
      return { image, release: released, [Symbol.asyncDispose]: released }
    } catch (error) {
      await released()
      throw error
    }
  }
  return {
    pull$: puller.pull$,
    pull: (reference, options) => run(puller.pull(reference, options), options),
    entries$: puller.entries$,
    entries: puller.entries,
    blob$: puller.blob$,
    blob: puller.blob,
    tree$: puller.tree$,
    tree: puller.tree,
    readFile: ((reference: string, path: string, options?: ReadFileOptions & Watching) =>
      run(puller.readFile(reference, path, options), options)) as ReadFilePromise,
    list: (reference, path, options) => run(puller.list(reference, path, options), options),
    config: (reference, options) => run(puller.config(reference, options), options),
    resolve: (reference, options) => run(puller.resolve(reference, options), options),
    manifest: (reference, options) => run(puller.manifest(reference, options), options),
    tags$: puller.tags$,
    tags: (reference, options) => run(puller.tags(reference, options), options),
    referrers$: puller.referrers$,
    referrers: (reference, options) => run(puller.referrers(reference, options), options),
    images: (options) => run(puller.images(options), options),
    inspect: (reference, options) => run(puller.inspect(reference, options), options),
    hold,
    remove: (reference, options) => run(puller.remove(reference, options), options),
    prune: (options) => run(puller.prune(options), options),
    kept: (digests, options) => run(puller.kept(digests, options), options),
    usage: (options) => run(puller.usage(options), options),
    verify: (options) => run(puller.verify(options), options),
    login: (registry, credentials, watching) =>
      run(abortable(watching?.signal)(login(registry, credentials, options)), watching),
    logout: (registry, watching) => run(abortable(watching?.signal)(logout(registry)), watching),
    settled: () => run(puller.settled),
    close,
    [Symbol.asyncDispose]: close
  }
}
