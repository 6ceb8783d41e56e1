/**
 * A pull's events so far, shortened for late listeners: of each layer, only the latest event of each kind. What arrived before
 * they listen is where the download begins for them: they do not count it as theirs.
 */
import type { PullEvent } from "../../api/events.ts"

const keyOf = (event: PullEvent): string => {
  const digest = "digest" in event ? event.digest : undefined
  return [event._tag, digest, event._tag === "Warning" ? event.code : ""].join(" ")
}

const layerTags: ReadonlySet<string> = new Set(["LayerStarted", "LayerProgress", "LayerDone", "LayerCached"])

export class Replay {
  readonly #latest = new Map<string, PullEvent>()

  readonly add = (event: PullEvent): void => {
    if (event._tag === "LayerStarted" || event._tag === "LayerDone") {
      // The layer started again or is done, so its earlier progress no longer applies.
      this.#latest.delete(`LayerProgress ${event.digest} `)
      this.#latest.delete(`Retrying ${event.digest} `)
    }
    const key = keyOf(event)
    // Deleted first, which moves the event to the end of the order.
    this.#latest.delete(key)
    this.#latest.set(key, event)
  }

  get events(): ReadonlyArray<PullEvent> {
    return [...this.#latest.values()].map((event) => {
      if (event._tag !== "LayerStarted") return event
      const latest = this.#latest.get(`LayerProgress ${event.digest} `)
      return latest?._tag === "LayerProgress" ? { ...event, offset: Math.max(event.offset, latest.received) } : event
    })
  }

  /** Where the download of a layer is, while it is under way. */
  get position(): PullEvent | undefined {
    const last = this.events.findLast(({ _tag }) => layerTags.has(_tag))
    return last?._tag === "LayerProgress" || last?._tag === "LayerStarted" ? last : undefined
  }
}
