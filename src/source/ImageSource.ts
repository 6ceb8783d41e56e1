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
  /** By which the catalogue knows the image. */
  readonly name: string
  /** All that its bytes depend on beside their digests: another source with the same words serves the same. */
  readonly inputs: string
  /** Where its bytes come from: what one source of a place stalls at, another one does too. */
  readonly place: string
  /** A body that broke is continued later, so what arrived of it is kept. A file need not be copied for that. */
  readonly isRemote: boolean
  /** Index → platform → manifest → config. */
  readonly resolve: (platform: Platform, emit: Emit) => Effect.Effect<FoundImage, Reason>
  /** What the name stands for now. */
  readonly digest: (emit: Emit) => Effect.Effect<Digest, Reason>
  /** What names the image: an index, or a manifest. */
  readonly root: DocumentRequest
  readonly documents: (emit: Emit) => DocumentSource
  /** A blob's bytes from `offset`, at most `size`; errors are `Reason`s. Honours the gate. Does not hash. */
  readonly blob$: (blob: BlobDescriptor, gate: Gate, options: BlobOptions) => Observable<Uint8Array>
  /** Of any blob that is there. Fails with `BlobNotFound`. */
  readonly blobSize: (digest: Digest, emit: Emit) => Effect.Effect<number, Reason>
  /** Tells that a blob's bytes were false. True where another attempt has a chance. */
  readonly reportMismatch: (digest: Digest, emit: Emit) => Effect.Effect<boolean>
}
