/** The pulls of a client, to be shown, shared and cancelled: what `oci.pulls` is, here and across a border. */
import type { Observable } from "rxjs"
import type { PullOptions } from "../api/config.ts"
import type { PullView } from "../progress/PullView.ts"

/** Options of `start`. They are data, so that they travel. */
export type StartOptions = Pick<PullOptions, "platform" | "policy" | "preflight">

/**
 * `running`: it is under way. `done`: the image is in the store. `failed`: see the view's error. `cancelled`: by `cancel`, or
 * because the client was closed. `interrupted`: an earlier program ended before the pull did; the view says how many bytes are
 * kept.
 */
export type PullState = "running" | "done" | "failed" | "cancelled" | "interrupted"

/** Plain data. */
export interface TrackedPull {
  /** The same for each pull of an image for a platform, also after a restart. */
  readonly id: string
  /** The full form of the reference. */
  readonly reference: string
  readonly state: PullState
  /** Milliseconds since 1970. Of an interrupted pull it is not known. */
  readonly startedAt?: number
  readonly endedAt?: number
  /** The pull as it is now. For a pull that can be resumed, `received` counts the bytes that are kept. */
  readonly view: PullView
}

export interface Pulls {
  /**
   * Starts a pull, or joins the one of the same image and platform that is running: then that one's other options count. It
   * goes on until it ends, is cancelled or the client is closed, whether or not anybody watches. Rejects with a `PullError` if
   * the reference or an option is invalid; any other error is in the view.
   */
  readonly start: (reference: string, options?: StartOptions) => Promise<TrackedPull>
  /**
   * All pulls, the oldest first: emitted at once, and when one starts, ends or is forgotten. Never ends before the client is
   * closed.
   */
  readonly list$: Observable<ReadonlyArray<TrackedPull>>
  readonly get: (id: string) => Promise<TrackedPull | undefined>
  /**
   * The view at once, then each further one. Completes after the last view, or without one if there is no such pull.
   * Unsubscribing leaves the pull running.
   */
  readonly view$: (id: string) => Observable<PullView>
  /** Cancels a running pull. Resolves when everything that it opened is closed; its bytes are kept. */
  readonly cancel: (id: string) => Promise<void>
  /** Starts a pull again that has ended: it continues with the bytes that are kept. `undefined` if there is no such pull. */
  readonly resume: (id: string) => Promise<TrackedPull | undefined>
  /** Takes a pull that has ended off the list. Its bytes stay until `partialsFor` has passed, or `prune`. */
  readonly forget: (id: string) => Promise<void>
}
