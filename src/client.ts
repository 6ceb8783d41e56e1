/** The Promise and Observable APIs of a `Puller`, for programs that do not use Effect. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Observable } from "rxjs"
import type {
  ArtifactOptions,
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
  ReadFileOptions,
  ReferrersOptions,
  TreeOptions,
  VerifyOptions,
  Watching
} from "./api/config.ts"
import type { PullError } from "./api/errors.ts"
import type { PullEvent, PulledImage, PullResult } from "./api/events.ts"
import type { Artifact } from "./api/results/Artifact.ts"
import type { Bundle } from "./api/results/Bundle.ts"
import type { ImageConfig } from "./api/results/ImageConfig.ts"
import type { ManifestDocument, Referrer, Resolution } from "./api/results/Lookup.ts"
import type { ExportFunction, References } from "./export/ExportFunction.ts"
import { login, logout } from "./login.ts"
import { makeRuntime } from "./makeRuntime.ts"
import { Puller } from "./Puller.ts"
import type { Pulls } from "./pulls/Pulls.ts"
import type { ArtifactFunction } from "./read/artifact/ArtifactFunction.ts"
import type { BlobFunction } from "./read/blob/BlobFunction.ts"
import type { EntriesFunction, Entry, EntryFacts, ReadFilePromise, TreeFunction } from "./read/entries/Entry.ts"
import type { ImageDetails, ImageSummary } from "./store/records/ImageRecord.ts"
import type { Reclaimed, ReclaimedBlob, Usage, Verified } from "./store/UpkeepResults.ts"

/** An image that is protected from removal: `await using held = await oci.hold(reference)`. */
export interface Held extends AsyncDisposable {
  readonly image: PulledImage
  readonly release: () => Promise<void>
}

export interface Client extends AsyncDisposable {
  /** A cold observable: subscribing starts the pull, unsubscribing cancels it. The last event, `Pulled`, has the image. Fails with a `PullError`. */
  readonly pull$: (reference: string, options?: PullOptions & Watching) => Observable<PullEvent>
  /**
   * Pulls an image. Rejects with a `PullError`, with the signal's reason if it was aborted, or with an `AbortError` if the
   * client was closed. It settles only after everything that the pull opened has been closed.
   */
  readonly pull: (reference: string, options?: PullOptions & Watching) => Promise<PullResult>
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
   * to the one that has the file. Rejects with `NotInImage` or `UnsuitablePath`.
   */
  readonly readFile: ReadFilePromise
  /**
   * Lists a directory of the image, ordered by name, by default the root. For any other path, it returns that entry alone.
   * Symbolic links in the path are followed. Rejects with `NotInImage` or `UnsuitablePath`.
   */
  readonly list: (
    reference: string,
    path?: string,
    options?: ListDirectoryOptions & Watching
  ) => Promise<ReadonlyArray<EntryFacts>>
  /**
   * Returns an image's config: environment, entry point, user and more. It pulls nothing. The config comes from the store
   * if the image is there, from the registry otherwise.
   */
  readonly config: (reference: string, options?: ConfigOptions & Watching) => Promise<ImageConfig>
  /**
   * Downloads an artifact, such as a Helm chart, files pushed by ORAS, a wasm module, an SBOM or a signature, and verifies its
   * files. With `into`, it writes them into that directory, and unpacks archives that are marked for it, or with `unpack` every
   * tar. Without `into`, it returns them in memory.
   */
  readonly artifact: ArtifactFunction
  /**
   * Makes one file of the image, piece by piece: a tar of the tree that a container sees, with the image's owners, or an
   * archive of its blobs for `docker load` and others; of several images, too. The same image gives the same bytes. No tree
   * is written, and no rights are needed. Each piece is asked for when the result of `project` for the last one has
   * completed; without `project`, when the observer's `next` has returned and the gate is open.
   */
  readonly export$: ExportFunction
  /** Makes the same bytes one piece at a time: `for await (const chunk of oci.export(reference))`. */
  readonly export: (references: References, options?: ExportOptions & Watching) => AsyncIterable<Uint8Array>
  /**
   * Makes a bundle of the image in a directory, which must not exist or be empty: `config.json` beside `rootfs`, for `runc`, `crun` and
   * others. The tree is a copy, which the container may change. If the image is in the store, it is read there; if not, its layers are
   * downloaded, and the store stays as it is. The directory has all of it or, if the call fails, nothing.
   */
  readonly bundle: (reference: string, directory: string, options?: BundleOptions & Watching) => Promise<Bundle>
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
  readonly resolve: (reference: string, options?: LookOptions & Watching) => Promise<Resolution>
  /** Returns the index or manifest that a reference names; with `platform`, the manifest for that platform. */
  readonly manifest: (reference: string, options?: ManifestOptions & Watching) => Promise<ManifestDocument>
  /** Lists the tags of a reference's repository, or the names in a file. Pages are requested as they are needed. */
  readonly tags$: (reference: string, options?: LookOptions & Watching) => Observable<string>
  readonly tags: (reference: string, options?: LookOptions & Watching) => Promise<ReadonlyArray<string>>
  /** Lists the artifacts attached to the image (signatures, SBOMs), as the registry reports them. */
  readonly referrers$: (reference: string, options?: ReferrersOptions & Watching) => Observable<Referrer>
  readonly referrers: (reference: string, options?: ReferrersOptions & Watching) => Promise<ReadonlyArray<Referrer>>
  /** Lists the images in the store, ordered by reference: all of them, or a page. */
  readonly images: (options?: ListOptions & Watching) => Promise<ReadonlyArray<ImageSummary>>
  /** Returns everything that the store knows about an image. Rejects with `NotCached` if the image is not in the store. */
  readonly inspect: (reference: string, options?: Watching) => Promise<ImageDetails>
  /**
   * Protects a stored image from removal until it is released, the client is closed or the process ends: `remove` and
   * `prune`, in any process, leave its layers. Rejects with `NotCached` if the image is not in the store.
   */
  readonly hold: (reference: string, options?: HoldOptions & Watching) => Promise<Held>
  /**
   * Removes a reference, and the layers that only it needed. It is safe while pulls run: the layers may then stay until the
   * next `prune` (`deferred`). Rejects with `NotCached` if the reference is not in the store.
   */
  readonly remove: (reference: string, options?: Watching) => Promise<Reclaimed>
  /** Removes what no image needs, interrupted downloads, and the images that the options select. */
  readonly prune: (options?: PruneOptions & Watching) => Promise<Reclaimed>
  /** Returns those of the layers whose download was interrupted, with the number of bytes that are kept. The next pull continues after them. */
  readonly kept: (digests: ReadonlyArray<string>, options?: Watching) => Promise<ReadonlyArray<ReclaimedBlob>>
  /** Measures the disk space that the store takes. */
  readonly usage: (options?: Watching) => Promise<Usage>
  /** Compares the store with its catalogue. With `repair`, it pulls again what is missing or was changed. */
  readonly verify: (options?: VerifyOptions & Watching) => Promise<Verified>
  /**
   * Tries credentials at the registry and stores them where docker does. Resolves with the path of the file, or with the
   * name of the helper.
   */
  readonly login: (
    registry: string,
    credentials: { readonly username: string; readonly password: string },
    options?: Watching
  ) => Promise<Effect.Success<ReturnType<typeof login>>>
  /** Removes stored credentials. `known` is false if there were none. */
  readonly logout: (registry: string, options?: Watching) => Promise<Effect.Success<ReturnType<typeof logout>>>
  /** The pulls of this client, to be shown, shared and cancelled: see docs/pulls.md. */
  readonly pulls: Pulls
  /**
   * Resolves when all cancelled subscriptions have closed their files and sockets. After that, the store can be deleted.
   */
  readonly settled: () => Promise<void>
  /** Cancels all running calls, and resolves when workers, sockets and files are closed. */
  readonly close: () => Promise<void>
}

/** Opens a store. Close the client with `close()` or `await using`. Rejects with a `PullError`. */
export const open = async (options: PullerOptions = {}): Promise<Client> => {
  const runtime = makeRuntime(Puller.layer(options))
  const { run } = runtime
  const puller = await run(Puller)
  const holds = new Set<Scope.Closeable>()
  const release = async (scope: Scope.Closeable) => {
    if (holds.delete(scope)) await Effect.runPromise(Scope.close(scope, Exit.void))
  }
  const close = () => runtime.close(() => Promise.all([...holds].map(release)))
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
    artifact: ((reference: string, options?: ArtifactOptions & Watching) =>
      run<Artifact, PullError>(puller.artifact(reference, options as never), options)) as ArtifactFunction,
    export$: puller.export$,
    export: puller.export,
    bundle: (reference, directory, options) => run(puller.bundle(reference, directory, options), options),
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
    login: (registry, credentials, watching) => run(login(registry, credentials, options, watching), watching),
    logout: (registry, watching) => run(logout(registry, watching), watching),
    pulls: {
      start: (reference, options) => run(puller.pulls.start(reference, options)),
      list$: puller.pulls.list$,
      get: (id) => run(puller.pulls.get(id)),
      view$: puller.pulls.view$,
      cancel: (id) => run(puller.pulls.cancel(id)),
      resume: (id) => run(puller.pulls.resume(id)),
      forget: (id) => run(puller.pulls.forget(id))
    },
    settled: () => run(puller.settled),
    close,
    [Symbol.asyncDispose]: close
  }
}
