/** What it takes to fetch a blob. */
import type * as Context from "effect/Context"
import type { Emit } from "../../api/events.ts"
import type { Digest } from "../../image/reference/Digest.ts"

export interface BlobDescriptor {
  readonly digest: Digest
  /** Bytes, exactly. */
  readonly size: number
  /** Asked, without credentials, where the registry has no such blob: foreign layers. */
  readonly urls?: ReadonlyArray<string> | undefined
}

export interface BlobOptions {
  /** The first byte wanted; default 0. */
  readonly offset?: number | undefined
  readonly emit: Emit
  /** The services of whoever asks (its clock, its tracer, the span it is in); default: those of the puller. */
  readonly context?: Context.Context<never> | undefined
}
