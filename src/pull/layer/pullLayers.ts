/** All layers of an image, each into a directory of its own; a layer that several pulls want at once is pulled once. */
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

/** Layers of one image that are begun at once; most of them wait for a download to end. */
const mostAtOnce = 64

/** Whoever waits for another process gives its permit to a layer that nobody is downloading. */
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
  // The largest first: a big layer that starts last is what everybody waits for.
  const bySize = layers.toSorted((a, b) => b.size - a.size)
  yield* Effect.forEach(bySize, one, { concurrency: mostAtOnce, discard: true })
})
