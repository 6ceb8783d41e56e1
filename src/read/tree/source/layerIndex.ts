/** The names and facts in a layer's archive, without its bodies: what layers are merged by. */
import * as Effect from "effect/Effect"
import { tap } from "rxjs"
import type { Limits } from "../../../api/config.ts"
import { isReason, type Reason } from "../../../api/errors.ts"
import type { Emit, LayerProgress, Warning } from "../../../api/events.ts"
import { atMost } from "../../../layer/limits.ts"
import type { PackedHeaders } from "../../../layer/packHeaders.ts"
import { ExtractionPool } from "../../../layer/pool/ExtractionPool.ts"
import { PullEvents } from "../../../pull/events/PullEvents.ts"
import type { LayerDownload } from "../../../pull/layer/LayerDownload.ts"
import { layerArrival } from "../../../pull/layer/layerArrival.ts"
import { refetchOnMismatch } from "../../../pull/layer/refetchOnMismatch.ts"
import { drain } from "../../../reactive/bridge.ts"
import type { ResolvedLayer } from "../../../registry/Registry.ts"
import type { ImageSource } from "../../../source/ImageSource.ts"
import { noPartial } from "../../../source/noPartial.ts"
import { Blobs } from "../../../store/blobs/Blobs.ts"

/**
 * Bytes that an entry counts besides its names and attributes: its packed header, its rows in the merged tree, and what is planned of
 * it. Of a file these are some 120; of a directory twice as many, while its layer is merged.
 */
const perEntry = 256
/** Bytes of a directory that no entry describes. */
const perDirectory = 256
/** Bytes of an attribute, besides its name and value. */
const perAttribute = 256

const weight = ({ count, nameBytes, rest }: PackedHeaders): number => {
  let bytes = count * perEntry + nameBytes
  for (const { xattrs } of rest) for (const [name, value] of xattrs) bytes += perAttribute + name.length + value.length
  return bytes
}

/**
 * Counts what an image's entries take in memory. Layers are merged while others are read, so all of it is one sum, whatever comes
 * first. What counts throws `LimitExceeded`.
 */
export const makeTreeBudget = (limits: Limits) => {
  let bytes = 0
  const count = () => {
    let own = 0
    return {
      add: (more: number): void => {
        own += more
        bytes += more
        atMost(limits, "treeBytes", bytes, () => "the image's entries")
      },
      /** What was counted is not kept. */
      drop: (): void => {
        bytes -= own
        own = 0
      }
    }
  }
  return {
    /** Of a layer for itself, since it may be read again. */
    layer: () => {
      const { add, drop } = count()
      return { add: (headers: PackedHeaders): void => add(weight(headers)), drop }
    },
    /** Of a merge for itself, since layers may be merged again when more of them were read. */
    merge: () => {
      const { add, drop } = count()
      /** To be called for each directory that no entry describes. One name can imply hundreds. */
      return { imply: (): void => add(perDirectory), drop }
    }
  }
}

export type TreeBudget = ReturnType<typeof makeTreeBudget>

/**
 * A layer that may be read twice: first its headers, then its bodies. What comes from a registry is kept in a temporary
 * file until the scope closes, so that it is downloaded once. A blob that the store keeps is not downloaded at all.
 */
export const openLayer = Effect.fnUntraced(function* (source: ImageSource, layer: ResolvedLayer) {
  if (!source.isRemote) return { source, layer, partial: noPartial }
  const { layout, scratchPartial } = yield* Blobs
  const kept = layout !== undefined && (yield* layout.has(layer))
  return { source, layer, partial: yield* kept ? layout.open(layer) : scratchPartial(layer) }
})

/** All headers of the archive, once its digests are verified, and the bodies of its files in `spool`. */
export const readHeaders = Effect.fnUntraced(function* (
  download: LayerDownload,
  budget: TreeBudget,
  tell: Emit,
  spool?: string
): Effect.fn.Return<Array<PackedHeaders>, Reason, ExtractionPool> {
  const pool = yield* ExtractionPool
  const emit = yield* PullEvents
  const context = yield* Effect.context<never>()
  const attempt = Effect.suspend(() => {
    const headers: Array<PackedHeaders> = []
    const counted = budget.layer()
    const { ahead$, bytes$, progress } = layerArrival(download, { emit, context, tell })
    const hear = (event: LayerProgress | Warning) => (event._tag === "Warning" ? emit(event) : progress(event))
    const reading$ = pool.headers$({ ...download.layer, spool }, bytes$, hear, ahead$).pipe(
      tap((some) => {
        counted.add(some)
        headers.push(some)
      })
    )
    return Effect.as(drain(isReason)(reading$), headers).pipe(Effect.onError(() => Effect.sync(counted.drop)))
  })
  return yield* attempt.pipe(refetchOnMismatch(download))
})
