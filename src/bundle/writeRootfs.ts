/** Writes the merged tree of an image into a directory of the caller's: a copy of the store's trees, or the layers from their source. */
import * as Effect from "effect/Effect"
import { tap } from "rxjs"
import type { Limits } from "../api/config.ts"
import { isReason } from "../api/errors.ts"
import type { LayerProgress } from "../api/events.ts"
import type { Extraction } from "../layer/ExtractionOptions.ts"
import { ExtractionPool } from "../layer/pool/ExtractionPool.ts"
import { selectionOf } from "../layer/tree/Selection.ts"
import { emit, PullEvents } from "../pull/events/PullEvents.ts"
import { drain } from "../reactive/bridge.ts"
import type { OpenImage } from "../read/tree/openImage.ts"
import { planImage } from "../read/tree/source/planImage.ts"
import { storedTreeOf } from "../read/tree/source/storedTree.ts"
import { writePlan } from "../read/tree/source/writePlan.ts"

export interface Rootfs {
  /** Exists and is empty. */
  readonly rootfs: string
  /** Where it will be. */
  readonly published: string
  readonly extraction: Extraction
  readonly limits: Limits
}

export const writeRootfs = Effect.fnUntraced(function* (
  opened: OpenImage,
  { rootfs: directory, published, extraction, limits }: Rootfs
) {
  const tell = yield* PullEvents
  if (opened._tag === "Stored") {
    const { image } = opened
    const pool = yield* ExtractionPool
    const { manifestDigest: digest } = image
    const copying$ = pool.copy$({ digest, tree: storedTreeOf(image), directory, extraction })
    yield* drain(isReason)(copying$.pipe(tap((event) => event._tag === "Warning" && tell(event))))
    return
  }
  const { source, image } = opened
  const last = new Map<string, LayerProgress>()
  const { merged, plan } = yield* planImage(source, image, selectionOf({}), limits, {
    tell: (event) => {
      if (event._tag === "LayerProgress") last.set(event.digest, event)
      tell(event)
    }
  })
  const digest = image.manifest.descriptor.digest
  yield* writePlan({ plan, merged, digest, directory, extraction, withRoot: true })
  const read = new Map([...merged.layers.values()].map(({ layer }) => [layer.digest, layer.diffId]))
  for (const [digest, diffId] of read) {
    const { inflated = 0, entries = 0 } = last.get(digest) ?? {}
    yield* emit({ _tag: "LayerDone", digest, diffId, path: published, inflated, entries })
  }
})
