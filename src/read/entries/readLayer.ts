/** The entries of one layer, from the source of its image. */
import { firstValueFrom } from "rxjs"
import { isReason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import type { ArchiveEntry, EntryCursor } from "../../layer/EntryCursor.ts"
import type { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { isBlobMismatch } from "../../pull/layer/refetchOnMismatch.ts"
import type { Lift } from "../../reactive/bridge.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"

export interface LayerReading {
  readonly pool: ExtractionPool["Service"]
  readonly source: ImageSource
  /** Retries and warnings. */
  readonly emit: Emit
  readonly lift: Lift
}

/**
 * Entries that were given cannot be taken back. If a mirror's wrong bytes are noticed before the first entry, the layer is
 * read again; after it, reading fails with the mismatch. In both cases that mirror is not asked again.
 */
export const readLayer = ({ pool, source, emit, lift }: LayerReading, layer: ResolvedLayer): EntryCursor => {
  const open = () => pool.entries(layer, (gate) => source.blob$(layer, gate, { emit }), emit)
  let cursor = open()
  let isGiven = false
  let isReported = false
  const next = async (): Promise<ArchiveEntry | undefined> => {
    try {
      const entry = await cursor.next()
      isGiven ||= entry !== undefined
      return entry
    } catch (error) {
      if (isReported || !isReason(error) || !isBlobMismatch(error)) throw error
      isReported = true
      const canRetry = await firstValueFrom(lift(source.reportMismatch(layer.digest, emit)))
      if (!canRetry || isGiven) throw error
      cursor = open()
      return next()
    }
  }
  return { next, close: () => cursor.close() }
}
