/** An image that was found in a container: what names it, and where its documents and blobs are. */
import type * as Effect from "effect/Effect"
import type { Reason } from "../../api/errors.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import type { DocumentRequest } from "../../registry/documents.ts"
import type { Part } from "../container/Container.ts"

export interface LocalImage {
  /** By a descriptor, or by a digest alone. */
  readonly root: Exclude<DocumentRequest, { readonly _tag: "Tag" }>
  readonly part: (digest: Digest) => Effect.Effect<Part | undefined, Reason>
}

export const digestOfRoot = ({ root }: LocalImage): Digest =>
  root._tag === "Pin" ? root.digest : root.descriptor.digest
