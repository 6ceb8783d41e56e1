/** What is told of an image whose signatures are to be checked, and where those of stored images are. */
import type * as Effect from "effect/Effect"
import type { Reason } from "../api/errors.ts"
import type { VerifiedSignature } from "../api/signatures.ts"
import type { Origin } from "../source/Origin.ts"

/** An image, or an artifact, of which nothing but documents was read. */
export interface ImageToCheck {
  readonly origin: Pick<Origin, "at" | "name">
  /** The digest of the document that the reference names. */
  readonly digest: string
  readonly manifestDigest: string
  /** The bytes of one of both, where they are at hand. */
  readonly bytesOf?: ((digest: string) => Uint8Array | undefined) | undefined
  /** What the store keeps must do: nothing is asked of the registry. */
  readonly isOffline?: boolean | undefined
}

/** `undefined`: the rule asks for none. */
export type Verified = ReadonlyArray<VerifiedSignature> | undefined

/** Where the signatures of an image are kept, to be checked again without the network. */
export interface Evidence {
  /** The bytes of an index or a manifest, proven; `undefined` where the store has none. */
  readonly document: (digest: string) => Effect.Effect<Uint8Array | undefined, Reason>
  readonly find: (digest: string) => Effect.Effect<string | undefined, Reason>
  readonly keep: (digest: string, text: string) => Effect.Effect<void, Reason>
}
