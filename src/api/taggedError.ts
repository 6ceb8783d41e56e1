/**
 * What all errors of ours have in common. What others said becomes part of an error here and nowhere else: without control
 * characters, without a secret that was sent to anybody, and of a foreign error only what `causeOf` keeps.
 */

import * as Data from "effect/Data"
import { causeOf } from "./causeOf.ts"
import { isError } from "./codeOf.ts"
import { withoutControls } from "./printable.ts"
import { redactSecrets } from "./secrets.ts"

type Fields = Readonly<Record<string, unknown>>

/** Said by the caller or by ociflow: a word of it that is somebody's password as well stays. */
const ours: ReadonlySet<string> = new Set(
  "reference input feature option path source registry wanted expected limit unit operation stage".split(" ")
)

/** Keeps the origin of an address: it is what was asked, or is judged by itself. */
const struck = (key: string, text: string): string => {
  if (ours.has(key)) return text
  const [origin = ""] = /^https?:\/\/[^/]*/.exec(text) ?? []
  return origin + redactSecrets(text.slice(origin.length))
}

const gated = (key: string, value: unknown): unknown => {
  if (key === "cause") return value === undefined ? undefined : causeOf(value)
  if (Array.isArray(value)) return value.map((it) => gated(key, it))
  return typeof value === "string" ? withoutControls(struck(key, value)) : value
}

const hide = (error: object, key: string, value: unknown) =>
  Object.defineProperty(error, key, { value, enumerable: false, writable: true, configurable: true })

const jsonOf = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "toJSON" in value && typeof value.toJSON === "function"
    ? value.toJSON()
    : value

/** The name and code of a cause. Its message may hold what its author did not want in a log. */
const jsonOfCause = ({ name, code }: Error & { readonly code?: string }) => ({
  name,
  ...(code === undefined ? {} : { code })
})

const framesOf = (stack: string | undefined): string => (/^\s+at [\s\S]*/m.exec(stack ?? "") ?? [""])[0]

/** `PullError [ManifestNotFound]: …`, as Node writes the code of an error of its own. */
const headerOf = ({ name, message, ...rest }: Error & { readonly reason?: { readonly _tag: string } }): string =>
  `${name}${rest.reason === undefined ? "" : ` [${rest.reason._tag}]`}: ${message}`

/** Where a function was called: what stands above `below` on the stack. */
export interface CallSite {
  readonly stack?: string
}

export const callSite = (below: (...args: never) => unknown): CallSite => {
  const site = {}
  Error.captureStackTrace(site, below)
  return site
}

/** Gives an error the stack of the call that failed: its own shows only how ociflow runs. */
export const calledAt = <E extends Error>(error: E, site: CallSite): E => {
  hide(error, "stack", [headerOf(error), framesOf(site.stack)].filter(Boolean).join("\n"))
  return error
}

/** The base of an error with a tag; its subclass says `message` and `advice`. */
export const taggedError: typeof Data.TaggedError = (tag) => {
  class Tagged extends Data.TaggedError(tag)<Fields> {
    constructor(fields: Fields) {
      super(Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, gated(key, value)])))
      // Copies, clones and loggers take what an error owns.
      hide(this, "message", this.message)
    }
    override toJSON() {
      const { _tag, isRetryable, ...fields } = Object.fromEntries(
        Object.entries(this).map(([key, value]) => [key, jsonOf(value)])
      )
      return {
        _tag,
        ...fields,
        ...(isError(this.cause) ? { cause: jsonOfCause(this.cause) } : {}),
        message: this.message,
        advice: Reflect.get(this, "advice"),
        isRetryable: Reflect.get(this, "isRetryable")
      }
    }
    [Symbol.for("nodejs.util.inspect.custom")](depth: number) {
      if (depth < 0) return `[${headerOf(this)}]`
      return [headerOf(this), `  ${Reflect.get(this, "advice")}`, framesOf(this.stack)].filter(Boolean).join("\n")
    }
  }
  return Tagged as never
}
