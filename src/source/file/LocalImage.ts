/** An image that was found in a container: what names it, and where its documents and blobs are. */
import type * as Effect from "effect/Effect"
import type { Reason } from "../../api/errors.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import type { DocumentLimits, DocumentRequest } from "../../registry/documents.ts"
import type { Container, Part } from "../container/Container.ts"

export interface LocalImage {
  /** The document that names the image, by a descriptor or by a digest alone. */
  readonly root: Exclude<DocumentRequest, { readonly _tag: "Tag" }>
  readonly part: (digest: Digest) => Effect.Effect<Part | undefined, Reason>
}

/** Which image of a container is meant: the only one, the one with a tag or a name, or the one with a digest. */
export interface ImageSelector {
  /** The whole reference, for errors. */
  readonly url: string
  readonly image?: string | undefined
  readonly digest?: Digest | undefined
}

/** How images are laid out in a container. */
export interface FileFormat {
  /** True if it may be a directory; an archive is always accepted. */
  readonly takesDirectory: boolean
  readonly open: (
    container: Container,
    selector: ImageSelector,
    limits: DocumentLimits
  ) => Effect.Effect<LocalImage, Reason>
  /** The names of all images. */
  readonly names: (container: Container, limits: DocumentLimits) => Effect.Effect<ReadonlyArray<string>, Reason>
}

export const digestOfRoot = ({ root }: LocalImage): Digest =>
  root._tag === "Pin" ? root.digest : root.descriptor.digest
