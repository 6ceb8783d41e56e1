/** One request and its answer: noted, made worse where a fault is due, delivered. */

import type { IncomingMessage, ServerResponse } from "node:http"
import { isError } from "../../../api/codeOf.ts"
import type { TokenService } from "../auth/TokenService.ts"
import type { Faults } from "../faults/Fault.ts"
import type { Reply } from "./Reply.ts"
import type { LoggedRequest, RequestLog } from "./RequestLog.ts"
import { routeOf } from "./Route.ts"
import { deliver } from "./sendReply.ts"

/** A request as the handlers see it. */
export interface IncomingRequest {
  readonly logged: LoggedRequest
  readonly query: URLSearchParams
  readonly headers: IncomingMessage["headers"]
  /** The body of a POST. */
  readonly form: string
}

/** An answer to who may not come in: no fault befalls it. */
export interface Refusal {
  readonly refusal: Reply
}

export type Answer = (asked: IncomingRequest) => Reply | Refusal

export interface Exchange {
  readonly log: RequestLog
  readonly faults: Faults
  readonly tokens: TokenService | undefined
}

export const exchange =
  ({ log, faults, tokens }: Exchange, origin: LoggedRequest["origin"], answer: Answer) =>
  async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // Not by `new URL`, which throws at some of what a client may send.
    const [pathname = "/", search = ""] = (request.url ?? "/").split("?", 2)
    const logged = describe(request, pathname, origin)
    const note = log.add(logged)
    try {
      const form = request.method === "POST" ? await read(request) : ""
      const result = answer({ logged, query: new URLSearchParams(search), headers: request.headers, form })
      const reply = "refusal" in result ? result.refusal : faults.apply(result, { request: logged, tokens })
      note({ status: reply.status, start: reply.start ?? 0 })
      let sent = 0
      const state = await deliver(response, reply, (bytes) => {
        sent += bytes
        note({ sent })
      })
      note({ state })
    } catch (error) {
      // A fault of the test itself, or a body that broke: the client sees a hang-up, the test a warning.
      response.destroy()
      note({ state: "aborted" })
      if (!request.destroyed) process.emitWarning(isError(error) ? error : String(error))
    }
  }

const describe = (request: IncomingMessage, pathname: string, origin: LoggedRequest["origin"]): LoggedRequest => {
  const { method = "", headers } = request
  const { authorization, ...harmless } = headers
  const [scheme] = (authorization ?? "").split(" ")
  return {
    origin,
    ...(origin === "storage" ? { kind: "storage", reference: pathname.slice(1) } : routeOf(pathname)),
    method,
    path: request.url ?? "",
    ...(headers.range === undefined ? {} : { range: headers.range }),
    ...(headers.accept === undefined ? {} : { accept: headers.accept }),
    ...(headers["user-agent"] === undefined ? {} : { userAgent: headers["user-agent"] }),
    ...(scheme === undefined || scheme === "" ? {} : { authorization: scheme }),
    headers: harmless,
    start: 0,
    status: 0,
    sent: 0,
    state: "open"
  }
}

/** A form of 64 KiB at most. */
const read = async (request: IncomingMessage): Promise<string> => {
  const pieces: Array<Uint8Array> = []
  let size = 0
  for await (const piece of request as AsyncIterable<Uint8Array>) {
    size += piece.length
    if (size > 65_536) throw new RangeError("a form of more than 64 KiB")
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}
