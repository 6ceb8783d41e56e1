/** Where an image comes from. A registry, a layout and an archive have the same interface, and none of them is trusted. */
import type * as Effect from "effect/Effect"
import type { Observable } from "rxjs"
import type { Reason } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import type { Platform } from "../image/Platform.ts"
import type { Digest } from "../image/reference/Digest.ts"
import type { Gate } from "../reactive/Gate.ts"
import type { DocumentRequest } from "../registry/documents.ts"
import type { BlobDescriptor, BlobOptions, FoundImage } from "../registry/Registry.ts"
import type { DocumentSource } from "../registry/resolve.ts"

export interface ImageSource {
  /** The name under which the catalogue stores the image. */
  readonly name: string
  /** Everything the bytes depend on besides their digests. Two sources with equal `inputs` serve the same bytes. */
  readonly inputs: string
  /** The host or file the bytes come from. If one source of a place stalls, the others will too. */
  readonly place: string
  /** True for a registry. What arrived of a broken body is kept; a file is just read again. */
  readonly isRemote: boolean
  /** Reads the index, chooses the platform, and reads its manifest and config. */
  readonly resolve: (platform: Platform, emit: Emit) => Effect.Effect<FoundImage, Reason>
  /** The digest that the name stands for now. */
  readonly digest: (emit: Emit) => Effect.Effect<Digest, Reason>
  /** The document that the image's name stands for: an index, or a manifest. */
  readonly root: DocumentRequest
  readonly documents: (emit: Emit) => DocumentSource
  /** A blob's bytes from `offset`, at most `size`; errors are `Reason`s. Honours the gate. Does not hash. */
  readonly blob$: (blob: BlobDescriptor, gate: Gate, options: BlobOptions) => Observable<Uint8Array>
  /** The size of any blob of the source, in bytes. Fails with `BlobNotFound`. */
  readonly blobSize: (digest: Digest, emit: Emit) => Effect.Effect<number, Reason>
  /** Reports that a blob's bytes did not match its digest. True if another attempt may succeed. */
  readonly reportMismatch: (digest: Digest, emit: Emit) => Effect.Effect<boolean>
}
