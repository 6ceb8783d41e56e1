/** What the bars show: the events of one pull, folded. */
import type { PullEvent, PulledImage } from "../../api/events.ts"

export interface Retry {
  readonly attempt: number
  /** Milliseconds. */
  readonly delay: number
  readonly reason: string
}

export interface LayerState {
  readonly digest: string
  readonly size: number
  readonly phase: "queued" | "waiting" | "running" | "cached" | "done"
  /** Bytes of the blob that arrived, and of those the bytes that the extraction has consumed. */
  readonly received: number
  readonly consumed: number
  readonly entries: number
  /** The latest retry, until bytes flow again. */
  readonly retry?: Retry | undefined
}

export interface PullState {
  readonly reference: string
  /** Known once the image is resolved. */
  readonly platform?: string
  /** By digest, in manifest order; empty until the image is resolved. */
  readonly layers: ReadonlyMap<string, LayerState>
  readonly retry?: Retry | undefined
  /** Known once the image is pulled. */
  readonly image?: PulledImage
}

export const initial: PullState = { reference: "", layers: new Map() }

export const isInPlace = ({ phase }: LayerState): boolean => phase === "cached" || phase === "done"

export const hasArrived = (layer: LayerState): boolean =>
  isInPlace(layer) || (layer.phase === "running" && layer.received >= layer.size)

const change = (state: PullState, digest: string, patch: (layer: LayerState) => Partial<LayerState>): PullState => {
  const layer = state.layers.get(digest)
  if (layer === undefined) return state
  return { ...state, layers: new Map(state.layers).set(digest, { ...layer, ...patch(layer) }) }
}

export const advance = (state: PullState, event: PullEvent): PullState => {
  switch (event._tag) {
    case "Resolving":
      return { ...initial, reference: event.reference }
    case "Resolved":
      return {
        reference: event.reference,
        platform: event.platform,
        layers: new Map(
          event.layers.map(({ digest, size }) => [
            digest,
            { digest, size, phase: "queued", received: 0, consumed: 0, entries: 0 }
          ])
        )
      }
    case "LayerCached":
      return change(state, event.digest, () => ({ phase: "cached", retry: undefined }))
    case "LayerWaiting":
      return change(state, event.digest, () => ({ phase: "waiting" }))
    case "LayerStarted":
      return change(state, event.digest, () => ({ phase: "running", received: event.offset }))
    case "LayerProgress":
      return change(state, event.digest, ({ received, retry }) => ({
        phase: "running",
        received: event.received,
        consumed: event.consumed,
        entries: event.entries,
        retry: event.received > received ? undefined : retry
      }))
    case "LayerDone":
      return change(state, event.digest, ({ size }) => ({
        phase: "done",
        received: size,
        consumed: size,
        entries: event.entries,
        retry: undefined
      }))
    case "Retrying": {
      const { attempt, delay, reason, digest } = event
      const retry = { attempt, delay, reason }
      return digest === undefined ? { ...state, retry } : change(state, digest, () => ({ retry }))
    }
    case "Warning":
    case "Quota":
      return state
    case "Pulled":
      return { ...state, image: event.image }
  }
}
