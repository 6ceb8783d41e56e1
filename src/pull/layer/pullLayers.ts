/** Pulls all layers of an image, each into its own directory. A layer that several pulls want at once is pulled once. */
import * as Effect from "effect/Effect"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { Locks } from "../../store/locks/Locks.ts"
import { emit } from "../events/PullEvents.ts"
import type { Permits } from "../flights/Downloads.ts"
import { SharedWork } from "../flights/SharedWork.ts"
import { ensureLayer } from "./ensureLayer.ts"
import { isDone } from "./layerState.ts"
import { untilStalled, waitForLayer } from "./waitForLayer.ts"

/** Most layers of one image started at once; most of these wait for a download permit. */
const mostAtOnce = 8

/** While it waits for another process, it gives up its permit, so that another layer can be downloaded. */
const pullLayer = Effect.fnUntraced(function* (
  source: ImageSource,
  layer: ResolvedLayer,
  permits: Permits,
  hasWaited: boolean
) {
  const { digest } = layer
  const { place } = source
  const { tryLock } = yield* Locks
  const locked = Effect.gen(function* () {
    const isLocked = yield* tryLock(digest, { note: place })
    if (isLocked) yield* ensureLayer(source, layer, true)
    return isLocked
  })
  if (yield* permits.withPermit(Effect.scoped(locked))) return
  if (!hasWaited) yield* emit({ _tag: "LayerWaiting", digest })
  const isLocked = !hasWaited && (yield* waitForLayer({ layer, place, isDone: isDone(layer) }))
  yield* permits.withPermit(ensureLayer(source, layer, isLocked))
}, Effect.scoped)

export const pullLayers = Effect.fnUntraced(function* (
  source: ImageSource,
  layers: ReadonlyArray<ResolvedLayer>,
  permits: Permits
) {
  const shared = yield* SharedWork
  const one = (layer: ResolvedLayer) => {
    const key = `${layer.digest} ${layer.diffId}`
    const inputs = JSON.stringify([source.inputs, layer])
    const onJoin = { _tag: "LayerWaiting", digest: layer.digest } as const
    return shared.layers.join({ key, inputs, onJoin }, pullLayer(source, layer, permits, false), {
      place: source.place,
      after: untilStalled({ layer, isElsewhere: Effect.succeed(true), isDone: isDone(layer) }),
      work: pullLayer(source, layer, permits, true)
    })
  }
  // What is there is told of first, and waits for no permit.
  const there = new Set(yield* Effect.filter(layers, isDone))
  for (const layer of there) {
    const locked = (yield* Locks).tryLock(layer.digest, { note: source.place })
    yield* Effect.scoped(Effect.flatMap(locked, (isLocked) => ensureLayer(source, layer, isLocked)))
  }
  // Largest first: a big layer that starts last would delay the whole pull.
  const bySize = layers.filter((layer) => !there.has(layer)).toSorted((a, b) => b.size - a.size)
  yield* Effect.forEach(bySize, one, { concurrency: mostAtOnce, discard: true })
})
