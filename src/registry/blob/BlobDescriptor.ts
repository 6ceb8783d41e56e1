/** What it takes to fetch a blob. */
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
}
