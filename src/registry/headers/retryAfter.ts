import { type Headers, headerOf } from "./readHeader.ts"

/** The longest wait that is taken from a registry: a day. */
const longestWait = 86_400_000

/** `Retry-After` in milliseconds from `now`: a number of seconds, or a date (RFC 9110, section 10.2.3). */
export const retryAfter = (headers: Headers, now: number): number | undefined => {
  const text = headerOf(headers, "retry-after")?.trim() ?? ""
  const wait = /^[0-9]+(?:\.[0-9]+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), longestWait)
}
