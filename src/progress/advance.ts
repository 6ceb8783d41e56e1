/** The events of one pull, folded into what a user interface shows. */
import type { PullEvent, Resolved } from "../api/events.ts"
import { advanceLayer, complete, isInPlace, retryOf } from "./advanceLayer.ts"
import type { LayerView, PullView } from "./PullView.ts"
import { countBytes, noRate, type Rate, rateAt, steadyRateAt } from "./Rate.ts"

/** The fold's state: the view, and what its speed and its remaining time are computed from. */
export interface Progress {
  readonly view: PullView
  /** The layers by their digests, in manifest order. */
  readonly layers: ReadonlyMap<string, LayerView>
  /** The moment of the first event. */
  readonly began?: number
  readonly downloaded: Rate
  readonly extracted: Rate
}

const mostWarnings = 100
/** What is left for publishing the image: only an image that is complete has 1. */
const almost = 0.99

export const initial: Progress = {
  view: {
    reference: "",
    phase: "resolving",
    total: 0,
    received: 0,
    extracted: 0,
    fraction: 0,
    downloaded: 0,
    speed: 0,
    elapsed: 0,
    layers: [],
    warnings: [],
    cached: false
  },
  layers: new Map(),
  downloaded: noRate,
  extracted: noRate
}

const layersOf = ({ layers }: Resolved): ReadonlyMap<string, LayerView> =>
  new Map(
    layers.map(({ digest, size, kept = 0 }) => {
      const received = Math.min(size, kept)
      return [digest, { digest, size, phase: "queued", received, extracted: 0, entries: 0 }]
    })
  )

const isMoving = ({ phase }: LayerView) => phase !== "queued"

const changeLayer = (progress: Progress, digest: string, event: PullEvent, now: number): Progress => {
  const before = progress.layers.get(digest)
  if (before === undefined || isInPlace(before)) return progress
  const after = advanceLayer(before, event, now)
  // What another process brought, or the store had, did not come over this program's network.
  const moved = isMoving(before) && after.phase !== "cached" && event._tag !== "LayerStarted"
  const count = (rate: Rate, bytes: number) => (moved ? countBytes(rate, bytes, now) : rate)
  return {
    ...progress,
    layers: new Map(progress.layers).set(digest, after),
    downloaded: count(progress.downloaded, after.received - before.received),
    extracted: count(progress.extracted, after.extracted - before.extracted)
  }
}

const changeView = (progress: Progress, view: Partial<PullView>): Progress => ({
  ...progress,
  view: { ...progress.view, ...view }
})

/** Bytes are known, and so is the time that they take at the present rate. */
const timeFor = (bytes: number, rate: number | undefined): number | undefined => {
  if (bytes === 0) return 0
  return rate === undefined || rate === 0 ? undefined : Math.ceil((bytes / rate) * 1000)
}

/** The sums, the speed and the times, as they are at this moment. */
export const at = (progress: Progress, now: number): Progress => {
  const { view, downloaded, extracted: unpacked, began = now } = progress
  if (view.phase === "done" || view.phase === "failed") return progress
  const layers = [...progress.layers.values()]
  const sum = (of: (layer: LayerView) => number) => layers.reduce((total, layer) => total + of(layer), 0)
  const [total, received, extracted] = [sum((it) => it.size), sum((it) => it.received), sum((it) => it.extracted)]
  const share = total === 0 ? 0 : (received + extracted) / (2 * total)
  const speed = rateAt(downloaded, now)
  const download = timeFor(total - received, steadyRateAt(downloaded, now))
  const extraction = timeFor(total - extracted, steadyRateAt(unpacked, now))
  const { remaining: _, ...rest } = view
  return {
    ...progress,
    began,
    view: {
      ...rest,
      total,
      received,
      extracted,
      fraction: Math.max(view.fraction, almost * share),
      downloaded: downloaded.total,
      speed: received === total ? 0 : Math.round(speed ?? 0),
      ...(view.phase === "resolving" || download === undefined || extraction === undefined
        ? {}
        : { remaining: Math.max(download, extraction) }),
      elapsed: now - began,
      layers
    }
  }
}

const apply = (progress: Progress, event: PullEvent, now: number): Progress => {
  switch (event._tag) {
    case "Resolving":
      return changeView(progress, { reference: event.reference })
    case "Resolved": {
      const { reference, digest, platform } = event
      const { retry: _, ...view } = progress.view
      return { ...progress, view: { ...view, reference, digest, platform, phase: "pulling" }, layers: layersOf(event) }
    }
    case "Warning": {
      const { _tag, ...warning } = event
      const { warnings } = progress.view
      return warnings.length < mostWarnings ? changeView(progress, { warnings: [...warnings, warning] }) : progress
    }
    case "Quota": {
      const { _tag, ...quota } = event
      return changeView(progress, { quota })
    }
    case "Retrying":
      return event.digest === undefined
        ? changeView(progress, { retry: retryOf(event, now) })
        : changeLayer(progress, event.digest, event, now)
    case "Verified":
    case "Pulled":
      return progress
    default:
      return changeLayer(progress, event.digest, event, now)
  }
}

/** `now`: milliseconds since 1970. After `Pulled` nothing changes any more. */
export const advance = (progress: Progress, event: PullEvent, now: number): Progress => {
  const { phase } = progress.view
  if (phase === "done" || phase === "failed") return progress
  if (event._tag !== "Pulled") return at(apply(progress, event, now), now)
  const layers = new Map(
    [...progress.layers].map(([digest, layer]) => [
      digest,
      isInPlace(layer) ? layer : complete(layer, event.cached ? "cached" : "done")
    ])
  )
  const { retry: _, ...last } = at({ ...progress, layers }, now).view
  const { image, cached } = event
  const { reference, digest, platform } = image
  const view: PullView = { ...last, reference, digest, platform, phase: "done", fraction: 1, speed: 0, image, cached }
  return { ...progress, layers, view }
}
