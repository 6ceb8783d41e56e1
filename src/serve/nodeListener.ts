/** A Fetch handler as a listener of Node's `http` server. */
import type { IncomingMessage, ServerResponse } from "node:http"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { ReadableStream } from "node:stream/web"

const requestOf = (message: IncomingMessage, signal: AbortSignal): Request => {
  const { method = "GET", headers, url = "/" } = message
  const scheme = "encrypted" in message.socket && message.socket.encrypted === true ? "https" : "http"
  const sent = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((it): [string, string] => [name, it])
  )
  const hasBody = method !== "GET" && method !== "HEAD"
  return new Request(new URL(url.replace(/^\/*/, "/"), `${scheme}://${headers.host ?? "localhost"}`), {
    method,
    headers: sent,
    signal,
    ...(hasBody ? { body: Readable.toWeb(message) as never, duplex: "half" } : {})
  } as RequestInit)
}

export const nodeListener =
  (handler: (request: Request) => Promise<Response>) =>
  async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const gone = new AbortController()
    response.once("close", () => gone.abort())
    try {
      const { status, headers, body } = await handler(requestOf(message, gone.signal))
      response.writeHead(status, Object.fromEntries(headers))
      if (body === null) return void response.end()
      response.flushHeaders()
      await pipeline(Readable.fromWeb(body as ReadableStream, { highWaterMark: 1 }), response)
    } catch {
      if (response.headersSent) response.destroy()
      else response.writeHead(400).end()
    }
  }
