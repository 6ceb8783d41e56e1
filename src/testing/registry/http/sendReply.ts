/** Puts a reply on the wire at the speed of the reader, or as badly as the reply asks for. */
import { once } from "node:events"
import type { ServerResponse } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { TLSSocket } from "node:tls"
import type { Content } from "../../Content.ts"
import type { Reply } from "./Reply.ts"

export type Ending = "finished" | "aborted" | "cut"

/** `sent` hears of each piece once the socket has taken it. Settles when the answer is over, however it ends. */
export const deliver = async (
  response: ServerResponse,
  reply: Reply,
  sent: (bytes: number) => void
): Promise<Ending> => {
  if (response.closed || response.destroyed) return "aborted"
  const gone = new AbortController()
  const closed = new Promise<void>((resolve) => {
    response.once("close", () => {
      gone.abort()
      resolve()
    })
  })
  response.on("error", () => gone.abort())
  try {
    return await send(response, reply, sent, gone.signal, closed)
  } catch (error) {
    if (gone.signal.aborted) return "aborted"
    response.destroy()
    throw error
  }
}

const send = async (
  response: ServerResponse,
  { status, headers, body, delivery }: Reply,
  sent: (bytes: number) => void,
  signal: AbortSignal,
  closed: Promise<void>
): Promise<Ending> => {
  const { latency, bytesPerSecond, cutAfter = Infinity, stallAfter = Infinity, chunked, reset } = delivery
  const stop = Math.min(cutAfter, stallAfter)
  if (latency !== undefined) await sleep(latency, undefined, { signal })
  if (stop >= 0) {
    response.statusCode = status
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    if (chunked !== true && !response.hasHeader("content-length") && status !== 204 && status !== 304)
      response.setHeader("content-length", body.size)
    // The status line must not wait for the first piece of the body: a stall after 0 bytes shows the headers.
    response.flushHeaders()
  }
  const headless = response.req.method === "HEAD" || status === 204 || status === 304
  if (!headless && stop > 0) {
    for await (const piece of paced(body, Math.min(body.size, stop), bytesPerSecond, signal)) {
      const taken = new Promise<void>((resolve) => {
        response.write(piece, () => resolve())
      })
      // A body that will be cut is handed to the kernel piece by piece, so that the cut is where it was asked for.
      if (stop <= body.size) await Promise.race([taken, closed])
      else if (response.writableNeedDrain) await once(response, "drain", { signal })
      if (signal.aborted) return "aborted"
      sent(piece.length)
    }
  }
  if (stop < 0 || (!headless && stop <= body.size)) {
    if (stallAfter <= cutAfter) {
      await closed
      return "aborted"
    }
    // A TLS socket has no reset of its own.
    if (reset === true && !(response.socket instanceof TLSSocket)) response.socket?.resetAndDestroy()
    else response.socket?.destroy()
    return "cut"
  }
  response.end()
  await closed
  return response.writableFinished ? "finished" : "aborted"
}

/** Milliseconds that a speed makes up for when the machine was late: what is slow is slow on a busy one, too, and no slower. */
const lateness = 250

/** The first `end` bytes; where a speed is set, in twentieths of a second. */
async function* paced(body: Content, end: number, bytesPerSecond: number | undefined, signal: AbortSignal) {
  const share = bytesPerSecond === undefined ? Infinity : Math.max(1, Math.floor(bytesPerSecond / 20))
  let due = performance.now()
  for await (const piece of body.read(0, end)) {
    for (let position = 0; position < piece.length; position += share) {
      const part = piece.subarray(position, Math.min(piece.length, position + share))
      yield part
      if (bytesPerSecond === undefined) continue
      const now = performance.now()
      due = Math.max(due, now - lateness) + (part.length * 1000) / bytesPerSecond
      if (due - now >= 1) await sleep(due - now, undefined, { signal })
    }
  }
}
