/** What a pull has told so far, as short as whoever comes late needs it: of each layer only the latest of each kind. */
import type { PullEvent } from "../../api/events.ts"

const keyOf = (event: PullEvent): string => {
  const digest = "digest" in event ? event.digest : undefined
  return [event._tag, digest, event._tag === "Warning" ? event.code : ""].join(" ")
}

export class Replay {
  readonly #latest = new Map<string, PullEvent>()

  readonly add = (event: PullEvent): void => {
    if (event._tag === "LayerStarted" || event._tag === "LayerDone") {
      // It began anew, or is over: how far it was says nothing now.
      this.#latest.delete(`LayerProgress ${event.digest} `)
      this.#latest.delete(`Retrying ${event.digest} `)
    }
    const key = keyOf(event)
    // To the end: the order is that of the latest telling.
    this.#latest.delete(key)
    this.#latest.set(key, event)
  }

  get events(): ReadonlyArray<PullEvent> {
    return [...this.#latest.values()]
  }
}
