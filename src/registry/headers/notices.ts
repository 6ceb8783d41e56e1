/** What a registry tells beside its answer: warnings (OCI distribution-spec, "Warnings"), and what is left of a quota. */
import { printable } from "../../api/errors.ts"
import type { Quota, Warning } from "../../api/events.ts"
import type { Response } from "../connection/exchange.ts"
import { headerOf } from "./readHeader.ts"

type Headers = Response["headers"]

/** Warnings of one answer that are passed on. */
const most = 5

/** `299 - "text"`; other codes are not for people (RFC 7234, section 5.5). */
const warningsOf = (registry: string, headers: Headers): ReadonlyArray<Warning> =>
  [headers["warning"] ?? []].flat().flatMap((line) => {
    const texts = [...line.slice(0, 4096).matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) => text)
    return texts.map((text) => ({
      _tag: "Warning" as const,
      code: "RegistryWarning",
      message: `${registry}: ${printable(text.replace(/\\(.)/g, "$1"))}`
    }))
  })

/** `76;w=21600`: a number, and its window in seconds. */
const counted = (text: string | undefined) => {
  const [, count, seconds] = /^\s*([0-9]{1,12})(?:\s*[;,].*?\bw=([0-9]{1,9}))?/.exec(text ?? "") ?? []
  return {
    count: count === undefined ? undefined : Number(count),
    seconds: seconds === undefined ? undefined : Number(seconds)
  }
}

const quotaOf = (registry: string, headers: Headers): ReadonlyArray<Quota> => {
  const { count: limit, seconds } = counted(headerOf(headers, "ratelimit-limit"))
  const { count: remaining } = counted(headerOf(headers, "ratelimit-remaining"))
  if (limit === undefined || remaining === undefined) return []
  return [{ _tag: "Quota", registry, limit, remaining, ...(seconds === undefined ? {} : { window: seconds * 1000 }) }]
}

export const notices = (registry: string, headers: Headers): ReadonlyArray<Warning | Quota> => [
  ...warningsOf(registry, headers).slice(0, most),
  ...quotaOf(registry, headers)
]
