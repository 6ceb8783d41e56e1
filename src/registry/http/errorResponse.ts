/** An answer that is a refusal, as the reason it stands for: the status, and the registry's own code and words. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { AccessDenied, printable, RateLimited, type Reason, RegistryError, redactUrl } from "../../api/errors.ts"
import { parseJson } from "../../image/json/parseJson.ts"
import * as Shape from "../../image/json/Shape.ts"
import { withoutParameters } from "../../image/mediaTypes.ts"
import type { Answer } from "../connection/Transport.ts"
import { headerOf } from "../headers/readHeader.ts"
import { retryAfter } from "../headers/retryAfter.ts"
import { readBody } from "./readDocument.ts"

/** Bytes of an error's or a token's body that are read. */
export const shortBody = 65_536
/** Milliseconds that a refusal's words are waited for: the refusal itself is known. */
const patience = 5000

/** OCI distribution-spec, "Error codes"; token servers and proxies write other things. */
const Envelope = Shape.Struct({
  errors: Shape.Array(Shape.Struct({ code: Shape.optionalKey(Shape.String), message: Shape.optionalKey(Shape.String) }))
})
/** What token servers answer (RFC 6749, section 5.2), and Docker Hub's `details`. */
const Plain = Shape.Struct({
  error: Shape.optionalKey(Shape.String),
  error_description: Shape.optionalKey(Shape.String),
  message: Shape.optionalKey(Shape.String),
  details: Shape.optionalKey(Shape.String)
})

interface ErrorFields {
  readonly code?: string
  readonly detail?: string
}

const errorFields = (code: string | undefined, detail: string | undefined): ErrorFields => ({
  ...(code === undefined || code === "" ? {} : { code: printable(code, 60) }),
  ...(detail === undefined || detail === "" ? {} : { detail: printable(detail) })
})

/** S3 and its like answer `<Error><Code>…</Code><Message>…</Message></Error>`, proxies a page with a title. */
const errorFieldsOfMarkup = (text: string): ErrorFields => {
  const inside = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`, "i").exec(text)?.[1]
  return errorFields(inside("Code"), inside("Message") ?? inside("title"))
}

/** Says nothing where the body says nothing that can be shown: no failure hides the one that is reported. */
const errorFieldsOf = Effect.fnUntraced(
  function* (answer: Answer) {
    const body = yield* readBody(answer, shortBody, { millis: Math.min(patience, answer.documentTimeout) })
    const text = Buffer.from(body).toString()
    const type = withoutParameters(headerOf(answer.headers, "content-type") ?? "")
    if (type === "text/plain" || (type === "" && !/^\s*[{[<]/.test(text))) return errorFields(undefined, text)
    if (/^\s*</.test(text)) return errorFieldsOfMarkup(text)
    const json = yield* parseJson(body)
    const envelope = Shape.decode(Envelope)(json).pipe(
      Effect.map(({ errors: [first] }) => errorFields(first?.code, first?.message))
    )
    const plain = Shape.decode(Plain)(json).pipe(
      Effect.map((it) => errorFields(it.error, it.error_description ?? it.details ?? it.message))
    )
    return yield* Effect.catch(envelope, () => plain)
  },
  Effect.orElseSucceed((): ErrorFields => ({}))
)

export interface RefusalContext {
  /** Credentials were sent. */
  readonly authenticated: boolean
  /** It comes from another host, to which the registry had sent us. */
  readonly redirected?: boolean
  /** What 404 means here. */
  readonly notFound?: (url: string, errorFields: ErrorFields) => Reason
}

/** Reads what is left of the answer and fails with its reason. */
export const refusalReason = Effect.fnUntraced(function* (
  answer: Answer,
  { authenticated, redirected = false, notFound }: RefusalContext
): Effect.fn.Return<never, Reason> {
  const said = yield* errorFieldsOf(answer)
  const url = redactUrl(answer.url)
  const { status } = answer
  if (status === 401 || status === 403) {
    const challenged = answer.headers["www-authenticate"] !== undefined
    return yield* new AccessDenied({
      url,
      status,
      authenticated,
      challenged,
      ...(redirected ? { redirected } : {}),
      ...said
    })
  }
  if (status === 404 && notFound !== undefined) return yield* Effect.fail(notFound(url, said))
  const wait = retryAfter(answer.headers, yield* Clock.currentTimeMillis)
  const after = wait === undefined ? {} : { retryAfterMillis: wait }
  if (status === 429) {
    const detail = said.detail ?? said.code
    return yield* new RateLimited({ url, ...after, ...(detail === undefined ? {} : { detail }) })
  }
  return yield* new RegistryError({ url, status, ...said, ...after })
})
