/** An answer as a value, so that a fault is a function from one answer to another. */
import { types } from "node:util"
import { type Content, contentOfBytes } from "../../Content.ts"

export interface Reply {
  readonly status: number
  /** `content-length` is added where it is missing, unless `delivery.chunked`. */
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly body: Content
  /** The blob or document that `body` is a part of. */
  readonly whole?: Content
  /** Where in `whole` the body starts. */
  readonly start?: number
  readonly delivery: Delivery
}

/** How the bytes leave. All of it optional: nothing set is a well-behaved answer. */
export interface Delivery {
  /** Milliseconds before the status line. */
  readonly latency?: number
  readonly bytesPerSecond?: number
  /** The socket is destroyed after so many bytes of the body; -1 before the status line. */
  readonly cutAfter?: number
  /** The cut is a TCP reset and not an orderly end. */
  readonly reset?: boolean
  /** Nothing more is sent after so many bytes of the body; -1 means not even the status line. The socket stays open. */
  readonly stallAfter?: number
  /** No `content-length`: the body comes in chunks. */
  readonly chunked?: boolean
}

export const reply = (
  status: number,
  headers: Reply["headers"] = {},
  body: Uint8Array | Content = new Uint8Array()
): Reply => ({
  status,
  headers,
  body: types.isUint8Array(body) ? contentOfBytes(body) : body,
  delivery: {}
})

export const json = (status: number, value: unknown, headers: Reply["headers"] = {}): Reply =>
  reply(status, { "content-type": "application/json; charset=utf-8", ...headers }, Buffer.from(JSON.stringify(value)))

/** The error document of the distribution spec. */
export const failure = (status: number, code: string, message: string, headers: Reply["headers"] = {}): Reply =>
  json(status, { errors: [{ code, message, detail: null }] }, headers)
