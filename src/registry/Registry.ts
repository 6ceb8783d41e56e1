/**
 * Registries, as a pull needs them (OCI distribution-spec, "Pull"): what a reference names, and the bytes of blobs.
 * Every document is checked against its digest before it is used. A blob's bytes are checked by their consumer.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Observable } from "rxjs"
import type { InvalidOption, Reason } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import type { Descriptor } from "../image/Descriptor.ts"
import type { Platform } from "../image/Platform.ts"
import type { ResolvedImage } from "../image/ResolvedImage.ts"
import type { Digest } from "../image/reference/Digest.ts"
import type { Reference } from "../image/reference/Reference.ts"
import type { Gate } from "../reactive/Gate.ts"
import type { BlobDescriptor, BlobOptions } from "./blob/BlobDescriptor.ts"
import { makeRegistry, type RegistryOptions } from "./makeRegistry.ts"
import type { ListOptions } from "./pages.ts"
import type { DocumentSource } from "./resolve.ts"

export type { FoundImage, ResolvedImage, ResolvedLayer } from "../image/ResolvedImage.ts"
export type { BlobDescriptor, BlobOptions } from "./blob/BlobDescriptor.ts"
export type { RegistryOptions } from "./makeRegistry.ts"

export class Registry extends Context.Service<
  Registry,
  {
    /** Index → platform → manifest → config. */
    readonly resolve: (reference: Reference, platform: Platform, emit: Emit) => Effect.Effect<ResolvedImage, Reason>
    /** The digest that a tag names now. */
    readonly digest: (reference: Reference, emit: Emit) => Effect.Effect<Digest, Reason>
    /** The documents of its repository, one by one. */
    readonly documents: (reference: Reference, emit: Emit) => DocumentSource
    /** The tags of its repository, as the registry orders them. Errors are `Reason`s. */
    readonly tags$: (reference: Reference, options: ListOptions) => Observable<string>
    /** Artifacts attached to a manifest, as the registry lists them; of one type where that is given. */
    readonly referrers$: (
      reference: Reference,
      digest: Digest,
      artifactType: string | undefined,
      options: ListOptions
    ) => Observable<Descriptor>
    /**
     * A blob's bytes from `offset`, at most `size`. A body that breaks is continued at the first byte not yet seen;
     * subscribers never notice. Errors are `Reason`s; unsubscribing aborts the request. Bytes flow while the gate is
     * open, at most one piece is held while it is closed. Does not hash.
     */
    readonly blob$: (
      reference: Reference,
      descriptor: BlobDescriptor,
      gate: Gate,
      options: BlobOptions
    ) => Observable<Uint8Array>
    /** The size of any blob of the repository, as the registry says it. Fails with `BlobNotFound`. */
    readonly blobSize: (reference: Reference, digest: Digest, emit: Emit) => Effect.Effect<number, Reason>
    /**
     * Tells that the bytes that came for a blob were not what its digest says. True where a mirror had served some: it
     * is not asked for this blob again, so that another attempt has a chance.
     */
    readonly reportMismatch: (digest: Digest, emit: Emit) => Effect.Effect<boolean>
  }
>()("ociflow/registry/Registry") {
  /** Connections and tokens live as long as the layer; closing it leaves no socket. */
  static layer(options: RegistryOptions = {}): Layer.Layer<Registry, InvalidOption> {
    return Layer.effect(Registry, makeRegistry(options))
  }
}
