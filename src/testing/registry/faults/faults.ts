/** The ways an answer can be bad. Each makes a `FaultAction`; sizes in bytes, counted in the body of that answer. */
import { types } from "node:util"
import { type Content, contentOfBytes, contentOfParts, contentOfSegments, partOf } from "../../Content.ts"
import { type Delivery, failure, type Reply, reply } from "../http/Reply.ts"
import type { FaultAction } from "./Fault.ts"

const delivering =
  (delivery: Delivery): FaultAction =>
  (was) => ({ ...was, delivery: { ...was.delivery, ...delivery } })

/** Several faults in one answer, in this order. */
export const all =
  (...actions: ReadonlyArray<FaultAction>): FaultAction =>
  (was, context) =>
    actions.reduce((result, action) => action(result, context), was)

// ------------------------------------------------------------------------------------------------------------- answers

/** Another status, with the error document of the distribution spec. */
export const status =
  (code: number, error = "UNKNOWN", message = "made to fail", headers: Reply["headers"] = {}): FaultAction =>
  () =>
    failure(code, error, message, headers)

/** 429. `retryAfter` is in seconds, or the moment itself (sent as an HTTP date), or a text sent as it is. */
export const rateLimit = (retryAfter?: number | Date | string): FaultAction => {
  const value = types.isDate(retryAfter) ? retryAfter.toUTCString() : retryAfter?.toString()
  return status(429, "TOOMANYREQUESTS", "too many requests", value === undefined ? {} : { "retry-after": value })
}

/** Elsewhere. `to` may depend on the request; a path is allowed. */
export const redirect =
  (to: string | ((path: string) => string), code = 307): FaultAction =>
  (_, { request }) =>
    reply(code, { location: typeof to === "string" ? to : to(request.path) })

/** To where the request was sent already. */
export const redirectLoop = (): FaultAction => redirect((path) => path)

/** Another body, whole, with the headers as they are. */
export const body =
  (bytes: Uint8Array | string, contentType?: string): FaultAction =>
  (was) => ({
    ...was,
    headers: contentType === undefined ? was.headers : { ...was.headers, "content-type": contentType },
    body: contentOfBytes(typeof bytes === "string" ? Buffer.from(bytes) : bytes)
  })

/** JSON that breaks off. */
export const garbage = (): FaultAction => body('{"schemaVersion": 2, "layers": [{"digest": "sha')

/** `extra` spaces after the body: still the same JSON, and too much of it. They are sent as they are asked for. */
export const oversized =
  (extra: number): FaultAction =>
  (was) => ({
    ...was,
    body: contentOfParts([was.body, contentOfSegments([[spaces, Math.ceil(extra / spaces.length)]])])
  })

/** So many headers more, each of so many bytes. */
export const headerFlood =
  (count: number, length = 1000): FaultAction =>
  (was) => ({
    ...was,
    headers: {
      ...was.headers,
      ...Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-flood-${i}`, "f".repeat(length)]))
    }
  })

/** Adds or replaces headers. */
export const header =
  (name: string, value: string): FaultAction =>
  (was) => ({ ...was, headers: { ...was.headers, [name.toLowerCase()]: value } })

// ---------------------------------------------------------------------------------------------------------------- time

/** Milliseconds until the status line; bytes per second of the body. */
export const slow = (options: { readonly latency?: number; readonly bytesPerSecond?: number }): FaultAction =>
  delivering(options)

/** The socket is destroyed after so many bytes; `reset` with a TCP reset, which may overtake bytes on their way. */
export const cut = (after: number, options: { readonly reset?: boolean } = {}): FaultAction =>
  delivering({ cutAfter: after, ...options })

/** The socket is destroyed instead of an answer. */
export const hangUp = (): FaultAction => cut(-1)

/** Nothing more comes after so many bytes, and the socket stays open. -1: not even the status line. */
export const stall = (after: number): FaultAction => delivering({ stallAfter: after })

/** Every token is worth nothing from this answer on. */
export const expireTokens =
  (): FaultAction =>
  (was, { tokens }) => {
    tokens?.expireAll()
    return was
  }

// ---------------------------------------------------------------------------------------------------------------- lies

/** One byte is another. `at` counts in the blob where this is a part of one: a retry meets the same lie. */
export const otherByte =
  (at = 0): FaultAction =>
  (was) => ({ ...was, body: flipped(was.body, at - (was.start ?? 0)) })

/** A `Docker-Content-Digest` that is not the body's. */
export const digestHeader = (digest: string): FaultAction => header("docker-content-digest", digest)

/** Fewer bytes, with a `Content-Length` that agrees. */
export const shorter =
  (bytes: number): FaultAction =>
  (was) => ({ ...was, body: partOf(was.body, 0, Math.max(0, was.body.size - bytes)) })

/** More bytes, with a `Content-Length` that agrees. */
export const longer =
  (bytes: number): FaultAction =>
  (was) => ({ ...was, body: contentOfParts([was.body, contentOfBytes(new Uint8Array(bytes))]) })

/** A `Content-Length` that is not the body's; the connection ends after the body. */
export const contentLength =
  (announced: number): FaultAction =>
  (was) => ({
    ...was,
    headers: { ...was.headers, "content-length": String(announced), connection: "close" },
    delivery: { cutAfter: was.body.size, ...was.delivery }
  })

/** No `Content-Length`: chunks. Allowed, and rare. */
export const chunked = (): FaultAction => delivering({ chunked: true })

/** The whole with 200, whatever `Range` asked for. Allowed. */
export const ignoreRange = (): FaultAction => (was) => {
  if (was.status !== 206 || was.whole === undefined) return was
  const { "content-range": _, ...headers } = was.headers
  return { ...was, status: 200, headers, body: was.whole, start: 0 }
}

/** 206 with a `Content-Range` that is not the body's; the text is sent as it is. */
export const contentRange =
  (value: string): FaultAction =>
  (was) =>
    was.status === 206 ? { ...was, headers: { ...was.headers, "content-range": value } } : was

/** 206 with bytes from elsewhere: the range is moved by so many bytes, and `Content-Range` says so. */
export const shiftedRange =
  (by: number): FaultAction =>
  (was) => {
    if (was.status !== 206 || was.whole === undefined) return was
    const start = Math.max(0, (was.start ?? 0) + by)
    const end = Math.min(was.whole.size, start + was.body.size)
    return {
      ...was,
      headers: { ...was.headers, "content-range": `bytes ${start}-${end - 1}/${was.whole.size}` },
      body: partOf(was.whole, start, end),
      start
    }
  }

const spaces = Buffer.alloc(65_536, " ")

const flipped = (content: Content, at: number): Content => ({
  size: content.size,
  async *read(start, end) {
    let position = start
    for await (const piece of content.read(start, end)) {
      if (at >= position && at < position + piece.length) {
        const copy = Buffer.from(piece)
        copy[at - position] = (copy[at - position] ?? 0) ^ 0xff
        yield copy
      } else yield piece
      position += piece.length
    }
  }
})
