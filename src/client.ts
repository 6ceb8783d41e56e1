/** The Promise and Observable faces of a `Puller`, for programs that know nothing of Effect. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { LogToStderr } from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import type { Observable } from "rxjs"
import type {
  EntriesOptions,
  HoldOptions,
  ListOptions,
  LookOptions,
  ManifestOptions,
  PruneOptions,
  PullerOptions,
  PullOptions,
  ReferrersOptions,
  VerifyOptions,
  Watching
} from "./api/config.ts"
import { PullError } from "./api/errors.ts"
import type { Emit, PullEvent, PulledImage } from "./api/events.ts"
import type { ManifestDocument, Referrer, Resolution } from "./api/Looking.ts"
import type { FunctionName } from "./api/options/checkOptions.ts"
import { calledAt, callSite } from "./api/tagged.ts"
import { loadModule } from "./fs/loadModule.ts"
import type { Entry } from "./layer/Entry.ts"
import { Puller } from "./Puller.ts"
import { errorOf } from "./reactive/bridge.ts"
import type { ImageDetails, ImageSummary } from "./store/catalogue/ImageRecord.ts"
import type { Reclaimed, Usage, Verified } from "./store/Reclaimed.ts"

/** An image in use: `await using held = await oci.hold(reference)`. */
export interface Held extends AsyncDisposable {
  readonly image: PulledImage
  readonly release: () => Promise<void>
}

export interface Client extends AsyncDisposable {
  /** Cold: subscribing pulls, unsubscribing cancels; the last event, `Pulled`, carries the image. Errors: `PullError`. */
  readonly pull$: (reference: string, options?: PullOptions) => Observable<PullEvent>
  /**
   * Rejects with a `PullError`; with the signal's reason where it was aborted; with an `AbortError` where the client
   * was closed meanwhile. In each case only after everything that the pull had opened is closed again.
   */
  readonly pull: (reference: string, options?: PullOptions & Watching) => Promise<PulledImage>
  /** The entries of an image's layers, lowest layer first, without writing them; with backpressure. */
  readonly entries$: (reference: string, options?: EntriesOptions) => Observable<Entry>
  /** What a reference stands for now: digest, platforms, sizes. Nothing is pulled. */
  readonly resolve: (reference: string, options?: LookOptions & Watching) => Promise<Resolution>
  /** The document that a reference stands for, or with a platform the manifest for that. */
  readonly manifest: (reference: string, options?: ManifestOptions & Watching) => Promise<ManifestDocument>
  /** The tags of a reference's repository; of a file, the names in it. Pages are asked for as they are needed. */
  readonly tags$: (reference: string, options?: LookOptions) => Observable<string>
  readonly tags: (reference: string, options?: LookOptions & Watching) => Promise<ReadonlyArray<string>>
  /** Artifacts attached to the image (signatures, SBOMs), as the registry lists them. */
  readonly referrers$: (reference: string, options?: ReferrersOptions) => Observable<Referrer>
  readonly referrers: (reference: string, options?: ReferrersOptions & Watching) => Promise<ReadonlyArray<Referrer>>
  /** The images that the store holds, by reference: all of them, or a page. */
  readonly images: (options?: ListOptions) => Promise<ReadonlyArray<ImageSummary>>
  /** All that the store knows of one image. Rejects with `NotCached` where it knows none. */
  readonly inspect: (reference: string) => Promise<ImageDetails>
  /**
   * Keeps an image that the store holds where it is, until it is released, the client is closed or the process ends:
   * `remove` and `prune`, in whatever process, leave its layers for later. Rejects with `NotCached`.
   */
  readonly hold: (reference: string, options?: HoldOptions) => Promise<Held>
  /**
   * Forgets a reference, and removes the layers that only it needed. Safe beside pulls, which may defer it. Rejects with
   * `NotCached` where the store knows no such reference.
   */
  readonly remove: (reference: string) => Promise<Reclaimed>
  /** Removes what no image needs, downloads that were cut off, and the images that the options say. */
  readonly prune: (options?: PruneOptions) => Promise<Reclaimed>
  /** What the store occupies on disk, measured now. */
  readonly usage: () => Promise<Usage>
  /** Compares the store with its catalogue; with `repair` pulls again what is not as it should be. */
  readonly verify: (options?: VerifyOptions & Watching) => Promise<Verified>
  /** Cancels what is under way, and resolves when workers, sockets and files are closed. */
  readonly close: () => Promise<void>
}

/** Opens a store and everything a pull needs. Close it, or hold it by `await using`. Rejects with a `PullError`. */
export const open = async (options: PullerOptions = {}): Promise<Client> => {
  const runtime = ManagedRuntime.make(Layer.provideMerge(Puller.layer(options), Layer.succeed(LogToStderr, true)))
  let closed = false
  const run = async <A, E>(effect: Effect.Effect<A, E, Puller>, signal?: AbortSignal): Promise<A> => {
    // Before anything is awaited: then nobody's call would be on the stack any more.
    const site = callSite(run)
    signal?.throwIfAborted()
    if (closed) throw new DOMException("the client was closed", "AbortError")
    const exit = await runtime.runPromiseExit(effect, signal === undefined ? undefined : { signal })
    if (Exit.isSuccess(exit)) return exit.value
    if (Cause.hasInterruptsOnly(exit.cause)) signal?.throwIfAborted()
    const error = errorOf(exit.cause)
    throw error instanceof PullError ? calledAt(error, site) : error
  }
  const puller = await run(Puller)
  const { invalidWatched } = await run(
    Effect.mapError(
      loadModule("the options", () => import("./api/options/checkOptions.ts")),
      (reason) => new PullError({ reference: "(open)", reason })
    )
  )
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
      const image = await run(Scope.provide(puller.hold(reference, options), scope))
      return { image, release: released, [Symbol.asyncDispose]: released }
    } catch (error) {
      await released()
      throw error
    }
  }
  /** A call whose options may hold a signal and a listener. */
  const watched = async <A extends Watching, B>(
    name: FunctionName,
    reference: string,
    given: A | undefined,
    call: (options: Omit<A, keyof Watching>, emit: Emit | undefined) => Effect.Effect<B, PullError>
  ): Promise<B> => {
    const reason = invalidWatched(name, given)
    if (reason !== undefined) return run(Effect.fail(new PullError({ reference, reason })))
    const { signal, onEvent, ...options }: Watching = given ?? {}
    return run(
      Effect.suspend(() => call(options as Omit<A, keyof Watching>, onEvent)),
      signal
    )
  }
  return {
    pull$: puller.pull$,
    pull: (reference, options) =>
      watched("pull", reference, options, (rest, emit) => puller.pull(reference, rest, emit)),
    entries$: puller.entries$,
    resolve: (reference, options) =>
      watched("resolve", reference, options, (rest, emit) => puller.resolve(reference, rest, emit)),
    manifest: (reference, options) =>
      watched("manifest", reference, options, (rest, emit) => puller.manifest(reference, rest, emit)),
    tags$: puller.tags$,
    tags: (reference, options) =>
      watched("tags", reference, options, (rest, emit) => puller.tags(reference, rest, emit)),
    referrers$: puller.referrers$,
    referrers: (reference, options) =>
      watched("referrers", reference, options, (rest, emit) => puller.referrers(reference, rest, emit)),
    images: (options) => run(puller.images(options)),
    inspect: (...asked) => run(puller.inspect(...asked)),
    hold,
    remove: (...asked) => run(puller.remove(...asked)),
    prune: (options) => run(puller.prune(options)),
    usage: () => run(puller.usage),
    verify: (options) => watched("verify", "(store)", options, (rest, emit) => puller.verify(rest, emit)),
    close,
    [Symbol.asyncDispose]: close
  }
}
