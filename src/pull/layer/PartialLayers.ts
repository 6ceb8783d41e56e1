/** How layers are pulled by their tables of contents: what the folder `partial` makes, where it is asked for. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Reason } from "../../api/errors.ts"
import type { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import type { Directories } from "../../store/directories/Directories.ts"
import type { Staging } from "../../store/trees/Staging.ts"
import type { Trees } from "../../store/trees/Trees.ts"

/** What became of a layer that has a table. */
export interface ByTable {
  /** Absent where the layer is to be downloaded whole. */
  readonly done?: { readonly inflated: number; readonly entries: number; readonly path: string }
  /** To be run when the layer's tree has its name: its files are found by later pulls. */
  readonly keepIndex: Effect.Effect<void, Reason>
}

export interface PartialLayers {
  /** The digest of the layer's table; `undefined` if it has none. */
  readonly tableOf: (layer: ResolvedLayer) => string | undefined
  /** Publishes the layer's tree, if few of its bytes are missing. `undefined`: there is no table that can be used. */
  readonly pull: (
    source: ImageSource,
    layer: ResolvedLayer
  ) => Effect.Effect<ByTable | undefined, Reason, Directories | ExtractionPool | Scope.Scope | Staging | Trees>
}
