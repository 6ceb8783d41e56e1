/** What a reference turned out to be: the documents, proven, and the layers they name. */

import type { ConfigJson } from "./ConfigJson.ts"
import type { Document } from "./Descriptor.ts"
import type { Index } from "./Index.ts"
import type { Manifest } from "./Manifest.ts"
import type { Platform } from "./Platform.ts"
import type { Digest } from "./reference/Digest.ts"
import type { Reference } from "./reference/Reference.ts"

export interface ResolvedLayer {
  /** The digest of the blob, as the manifest names it. */
  readonly digest: Digest
  /** The digest of the uncompressed archive, as the config names it. */
  readonly diffId: Digest
  readonly mediaType: string
  /** Bytes of the blob. */
  readonly size: number
  /** Where else the blob may be had: a foreign layer. */
  readonly urls?: ReadonlyArray<string>
}

/** What was found, wherever it was looked for. */
export interface FoundImage {
  /** What was named: the index's digest, or the manifest's where there is no index. */
  readonly digest: Digest
  /** Platform of the chosen manifest, normalized: from its entry in the index or, without one, from the config. */
  readonly platform: Platform
  readonly index?: Document<Index>
  readonly manifest: Document<Manifest>
  readonly config: Document<ConfigJson>
  /** In manifest order, the lowest first; repeats are kept. */
  readonly layers: ReadonlyArray<ResolvedLayer>
}

export interface ResolvedImage extends FoundImage {
  /** The reference as asked for: `sandboxes.io` stays `sandboxes.io`. */
  readonly reference: Reference
}
