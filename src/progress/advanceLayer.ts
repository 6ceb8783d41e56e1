/** What an event says of one layer. */
import type { LayerProgress, PullEvent } from "../api/events.ts"
import type { LayerPhase, LayerView, RetryView } from "./PullView.ts"

export const isInPlace = ({ phase }: LayerView): boolean => phase === "cached" || phase === "done"

/** All its bytes are here. */
export const hasArrived = (layer: LayerView): boolean =>
  isInPlace(layer) || layer.phase === "extracting" || (layer.phase === "waiting" && layer.received >= layer.size)

const withoutRetry = <A extends { readonly retry?: RetryView }>({ retry: _, ...rest }: A): Omit<A, "retry"> => rest

/** All of it is here, and in place. */
export const complete = (layer: LayerView, phase: LayerPhase): LayerView => ({
  ...withoutRetry(layer),
  phase,
  received: layer.size,
  extracted: layer.size
})

export const retryOf = (event: PullEvent & { readonly _tag: "Retrying" }, now: number): RetryView => {
  const { attempt, delay, reason, message } = event
  return { attempt, at: now + delay, reason, message }
}

/** Before the next attempt, what still comes was received before the last one failed. */
const flowing = (layer: LayerView, event: LayerProgress, now: number): LayerView => {
  const { shared } = event
  // What was kept is read again, which takes nothing away.
  const received = Math.max(layer.received, event.received)
  if (layer.retry !== undefined && (now < layer.retry.at || received <= layer.received)) return { ...layer, received }
  const own = received >= layer.size ? "extracting" : "downloading"
  return { ...withoutRetry(layer), phase: shared === true ? "waiting" : own, received }
}

/** The layer as it is if the event says nothing of layers. */
export const advanceLayer = (layer: LayerView, event: PullEvent, now: number): LayerView => {
  switch (event._tag) {
    case "LayerCached":
      return complete(layer, "cached")
    case "LayerWaiting":
      return { ...withoutRetry(layer), phase: "waiting" }
    case "LayerStarted":
      return {
        ...withoutRetry(layer),
        phase: event.shared === true ? "waiting" : "downloading",
        received: event.offset,
        extracted: 0,
        entries: 0
      }
    case "LayerProgress":
      return { ...flowing(layer, event, now), extracted: event.consumed, entries: event.entries }
    case "LayerDone":
      return { ...complete(layer, "done"), entries: event.entries }
    case "Retrying":
      return { ...layer, phase: "retrying", retry: retryOf(event, now) }
    default:
      return layer
  }
}
