/** Pulls all layers of an image, each into its own directory. A layer that several pulls want at once is pulled once. */
import * as Effect from "effect/Effect"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { Locks } from "../../store/locks/Locks.ts"
import { emit } from "../events/PullEvents.ts"
import type { Permits } from "../flights/Downloads.ts"
import { SharedWork } from "../flights/SharedWork.ts"
import { ensureLayer } from "./ensureLayer.ts"
import { isDone } from "./layerState.ts"
import type { PartialLayers } from "./PartialLayers.ts"
import { untilStalled, waitForLayer } from "./waitForLayer.ts"

/** Most layers of one image started at once; most of these wait for a download permit. */
const mostAtOnce = 8

/** While it waits for another process, it gives up its permit, so that another layer can be downloaded. */
const pullLayer = Effect.fnUntraced(function* (
  source: ImageSource,
  layer: ResolvedLayer,
  permits: Permits,
  hasWaited: boolean,
  partials: PartialLayers | undefined
) {
  const { digest } = layer
  const { place } = source
  const { tryLock } = yield* Locks
  const locked = Effect.gen(function* () {
    const isLocked = yield* tryLock(digest, { note: place })
    if (isLocked) yield* ensureLayer(source, layer, true, partials)
    return isLocked
  })
  if (yield* permits.withPermit(Effect.scoped(locked))) return
  if (!hasWaited) yield* emit({ _tag: "LayerWaiting", digest })
  const isLocked =
    !hasWaited && (yield* waitForLayer({ layer, place, isDone: isDone(layer, partials?.tableOf(layer)) }))
  yield* permits.withPermit(ensureLayer(source, layer, isLocked, partials))
}, Effect.scoped)

export const pullLayers = Effect.fnUntraced(function* (
  source: ImageSource,
  layers: ReadonlyArray<ResolvedLayer>,
  permits: Permits,
  partials?: PartialLayers
) {
  const shared = yield* SharedWork
  const one = (layer: ResolvedLayer) => {
    const table = partials?.tableOf(layer)
    const key = `${layer.digest} ${layer.diffId}${table === undefined ? "" : ` ${table}`}`
    const inputs = JSON.stringify([source.inputs, layer])
    const onJoin = { _tag: "LayerWaiting", digest: layer.digest } as const
    return shared.layers.join({ key, inputs, onJoin }, pullLayer(source, layer, permits, false, partials), {
      place: source.place,
      after: untilStalled({ layer, isElsewhere: Effect.succeed(true), isDone: isDone(layer, table) }),
      work: pullLayer(source, layer, permits, true, partials)
    })
  }
  // What is there is told of first, and waits for no permit.
  const there = new Set(yield* Effect.filter(layers, (layer) => isDone(layer, partials?.tableOf(layer))))
  for (const layer of there) {
    const locked = (yield* Locks).tryLock(layer.digest, { note: source.place })
    yield* Effect.scoped(Effect.flatMap(locked, (isLocked) => ensureLayer(source, layer, isLocked, partials)))
  }
  // Largest first: a big layer that starts last would delay the whole pull.
  const bySize = layers.filter((layer) => !there.has(layer)).toSorted((a, b) => b.size - a.size)
  const over = yield* (yield* ExtractionPool).expect(bySize.length)
  yield* Effect.forEach(bySize, (layer) => Effect.ensuring(one(layer), over), {
    concurrency: mostAtOnce,
    discard: true
  })
}, Effect.scoped)
