/** An image that was found in a container: what names it, and where its documents and blobs are. */
import type * as Effect from "effect/Effect"
import type { Reason } from "../api/errors.ts"
import type { Digest } from "../image/reference/Digest.ts"
import type { Wanted } from "../registry/documents.ts"
import type { Part } from "./container/Container.ts"

export interface Shelf {
  /** By a descriptor, or by a digest alone. */
  readonly root: Exclude<Wanted, { readonly _tag: "Tag" }>
  readonly part: (digest: Digest) => Effect.Effect<Part | undefined, Reason>
}

export const digestOfRoot = ({ root }: Shelf): Digest => (root._tag === "Pin" ? root.digest : root.descriptor.digest)
