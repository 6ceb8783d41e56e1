/** A layer that is to be downloaded, or read from where it was. */
import type * as Context from "effect/Context"
import type { Observable } from "rxjs"
import type { Emit } from "../../api/events.ts"
import type { Gate } from "../../reactive/Gate.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import type { PartialBlob } from "../../store/blobs/PartialBlob.ts"

/** A layer, the source of its bytes, and where they are kept. */
export interface LayerDownload {
  readonly source: ImageSource
  readonly layer: ResolvedLayer
  readonly partial: PartialBlob
}

/** Kept bytes come first, through the same pipe, so that they are hashed again. */
export const layerBytes$ = (
  { source, layer, partial }: LayerDownload,
  gate: Gate,
  emit: Emit,
  context: Context.Context<never>
): Observable<Uint8Array> =>
  partial.bytes$(gate, (gate, offset) => source.blob$(layer, gate, { offset, emit, context }))
