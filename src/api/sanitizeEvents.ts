/** How a caller hears of events: what others said is printable, and the same warning is told once. */
import * as Context from "effect/Context"
import type { Emit, PullEvent } from "./events.ts"
import { printable } from "./printable.ts"

/** Whether warnings are logged. Default: yes. Those who show every event themselves do not want them twice. */
export const LogWarnings = Context.Reference<boolean>("ociflow/LogWarnings", { defaultValue: () => true })

/** Warnings that are remembered: an image can hold any number of them. */
const capacity = 1000

/** Characters of a message. */
const longest = 1000

const legible = (event: PullEvent): PullEvent =>
  event._tag === "Warning" || event._tag === "Retrying"
    ? { ...event, message: printable(event.message, longest) }
    : event

/** For one caller's one call. */
export const sanitizeEvents = (emit: Emit): Emit => {
  const told = new Set<string>()
  return (event) => {
    const shown = legible(event)
    if (shown._tag === "Warning") {
      const warning = `${shown.code} ${shown.digest} ${shown.message}`
      if (told.has(warning)) return
      if (told.size < capacity) told.add(warning)
    }
    emit(shown)
  }
}
