/** `oci.pulls` over HTTP: `GET` watches by server-sent events, `POST` calls. */
import type { Answer, Update } from "../pulls/Protocol.ts"
import type { Pulls } from "../pulls/Pulls.ts"
import { Feed } from "./Feed.ts"
import { guard } from "./guard.ts"
import { invalidCall, makeCalls, readCall } from "./makeCalls.ts"
import { defaultServeLimits, type FetchOptions } from "./ServeOptions.ts"

/** Milliseconds after which a comment is sent, so that both sides notice a connection that is dead. */
const pingInterval = 15_000
/** Milliseconds between two pieces of the stream. What happens meanwhile is in the next one. */
const pieceInterval = 50

const common = { "cache-control": "no-store", "x-content-type-options": "nosniff" }

/** Never more than `most` bytes; `undefined` if there are more. */
const readText = async (request: Request, most: number): Promise<string | undefined> => {
  const decoder = new TextDecoder()
  let text = ""
  let bytes = 0
  const reader = request.body?.getReader()
  if (reader === undefined) return text
  for (let it = await reader.read(); !it.done; it = await reader.read()) {
    bytes += it.value.length
    if (bytes > most) {
      await reader.cancel()
      return undefined
    }
    text += decoder.decode(it.value, { stream: true })
  }
  return text
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const eventOf = (update: Update) => `event: ${update.type}\ndata: ${JSON.stringify(update)}\n\n`
const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

const statusOf = (answer: Answer) => ("error" in answer ? 422 : 200)

/**
 * Answers the requests for one path, wherever it is mounted. Without options of its own, only pages of the same origin on
 * this machine are answered.
 */
export const fetchHandler = (pulls: Pulls, options: FetchOptions): ((request: Request) => Promise<Response>) => {
  const { watchers: most, callBytes } = { ...defaultServeLimits, ...options.limits }
  const call = makeCalls(pulls, options)
  let watchers = 0

  const watch = (): Response => {
    if (watchers >= (most ?? defaultServeLimits.watchers))
      return Response.json(
        { error: { message: "too many watchers" } },
        { status: 429, headers: { "retry-after": "5" } }
      )
    watchers += 1
    const feed = new Feed(pulls)
    let isOpen = true
    const close = () => {
      if (isOpen) watchers -= 1
      isOpen = false
      feed.close()
    }
    const encoder = new TextEncoder()
    let pause = Promise.resolve()
    // Asked for one piece at a time, and only when the last one was taken.
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          await pause
          const update = await feed.take(pingInterval)
          if (!isOpen) return
          if (update === undefined) {
            close()
            return controller.close()
          }
          const text = update === "nothing" ? ": ping\n\n" : [update, ...feed.takeAll()].map(eventOf).join("")
          pause = sleep(pieceInterval)
          controller.enqueue(encoder.encode(text))
        },
        cancel: close
      },
      { highWaterMark: 0 }
    )
    return new Response(body, {
      headers: { ...common, "content-type": "text/event-stream", "x-accel-buffering": "no" }
    })
  }

  const perform = async (request: Request): Promise<Response> => {
    // A form of another page cannot send it without being asked first.
    if (!/^application\/json\b/.test(request.headers.get("content-type") ?? ""))
      return Response.json({ error: invalidCall }, { status: 415 })
    const text = await readText(request, callBytes ?? defaultServeLimits.callBytes)
    if (text === undefined) return Response.json({ error: invalidCall }, { status: 413 })
    const given = readCall(parse(text))
    if (given === undefined) return Response.json({ error: invalidCall }, { status: 400 })
    const answer = await call(given)
    return Response.json(answer, { status: statusOf(answer), headers: common })
  }

  return guard(async (request) => {
    if (request.method === "GET") return watch()
    if (request.method === "POST") return perform(request)
    return new Response(null, { status: 405, headers: { allow: "GET, POST" } })
  }, options)
}
