/** One event as a line of text, where there is no terminal to draw on; nothing for what would only be noise there. */
import { counted } from "../../api/counted.ts"
import { printable } from "../../api/errors.ts"
import type { PullEvent } from "../../api/events.ts"
import { formatBytes } from "../../progress/format.ts"
import { formatEntries, formatRetry, shortDigest } from "./frame.ts"

const layer = (digest: string, text: string) => `${shortDigest(digest)}: ${text}`

/** From where a download that was cut off goes on. */
export const continues = (offset: number, size: number) => `continues at ${formatBytes(offset)} of ${formatBytes(size)}`

export const plainLine = (event: PullEvent): string | undefined => {
  switch (event._tag) {
    case "Resolving":
      return `Resolving ${printable(event.reference)}`
    case "Resolved": {
      const count = event.layers.length
      const layers = `${counted(count, "layer")}, ${formatBytes(event.size)}`
      return `Resolved ${printable(event.digest)} for ${printable(event.platform)}: ${layers}`
    }
    case "Verified": {
      const issuer = event.issuer === undefined ? "" : ` (${printable(event.issuer)})`
      return `Verified ${shortDigest(event.digest)}: signed by ${printable(event.signer)}${issuer}`
    }
    case "LayerCached":
      return layer(event.digest, "already in place")
    case "LayerWaiting":
      return layer(event.digest, "waiting for another pull")
    case "LayerStarted": {
      // It waits for another pull, as was told.
      if (event.shared === true) return undefined
      const whole = formatBytes(event.size)
      return layer(event.digest, event.offset === 0 ? `pulling ${whole}` : continues(event.offset, event.size))
    }
    case "LayerDone":
      return layer(event.digest, `done, ${formatEntries(event.entries)}, ${formatBytes(event.inflated)}`)
    case "Retrying": {
      const line = `${formatRetry(event)}: ${printable(event.message)}`
      return event.digest === undefined ? line : layer(event.digest, line)
    }
    case "Warning":
      return `warning: ${printable(event.message)}`
    case "Quota":
      return `${printable(event.registry)} allows ${event.remaining} more of ${counted(event.limit, "pull")} for now`
    case "LayerProgress":
    case "Pulled":
      return undefined
  }
}
