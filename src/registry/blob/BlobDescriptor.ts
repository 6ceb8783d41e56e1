/** What it takes to fetch a blob. */
import type * as Context from "effect/Context"
import type { Emit } from "../../api/events.ts"
import type { Digest } from "../../image/reference/Digest.ts"

export interface BlobDescriptor {
  readonly digest: Digest
  /** Bytes, exactly. */
  readonly size: number
  /** A foreign layer's addresses, tried without credentials if the registry lacks the blob. */
  readonly urls?: ReadonlyArray<string> | undefined
}

export interface BlobOptions {
  /** The first byte wanted; default 0. */
  readonly offset?: number | undefined
  /**
   * The first byte that is not wanted any more; default: all. Fails with `RangesIgnored`, which is not a `Reason`, where the whole blob
   * would come.
   */
  readonly end?: number | undefined
  readonly emit: Emit
  /** The caller's services (its clock, its tracer, the current span); default: the puller's. */
  readonly context?: Context.Context<never> | undefined
}
