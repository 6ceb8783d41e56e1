/** Carries by HTTP: calls by `POST`, updates by server-sent events, which are read by `fetch` since `EventSource` has no headers. */
import { Observable } from "rxjs"
import type { Answer, Update } from "../pulls/Protocol.ts"
import { type Carrier, RefusedError } from "./Carrier.ts"

export interface FetchCarrierOptions {
  /** Sent as `Authorization: Bearer …`. Default: none. */
  readonly token?: string | undefined
  /** Default: the global one. */
  readonly fetch?: typeof fetch | undefined
}

/** Milliseconds without a byte after which the connection counts as dead; the other side sends one every 15 s. */
const longestSilence = 45_000

/** Data of the events in a piece of text, and the rest, which is not whole yet. */
export const readEvents = (text: string): { readonly data: ReadonlyArray<string>; readonly rest: string } => {
  const blocks = text.replaceAll("\r\n", "\n").split("\n\n")
  const rest = blocks.pop() ?? ""
  const data = blocks.map((block) =>
    block
      .split("\n")
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice(5).replace(/^ /, ""))
      .join("\n")
  )
  return { data: data.filter((it) => it !== ""), rest }
}

const errorOf = async (response: Response): Promise<Error> => {
  const { error } = Object(await response.json().catch(() => undefined))
  const isFinal = response.status < 500 && response.status !== 429
  const view = typeof error?.message === "string" ? error : { message: `the server answered ${response.status}` }
  return isFinal ? new RefusedError(view) : new Error(view.message)
}

/** `url`: of the handler that `ociflow/serve` made. */
export const overFetch = (url: string | URL, { token, fetch: ask = fetch }: FetchCarrierOptions = {}): Carrier => {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const watch = async (signal: AbortSignal, next: (update: Update) => void, isAlive: () => void) => {
    const response = await ask(url, { headers: { ...headers, accept: "text/event-stream" }, signal })
    if (!response.ok || response.body === null) throw await errorOf(response)
    const reader = response.body.getReader()
    const decoder = new TextDecoder()
    let text = ""
    for (let it = await reader.read(); !it.done; it = await reader.read()) {
      isAlive()
      const { data, rest } = readEvents(text + decoder.decode(it.value, { stream: true }))
      text = rest
      for (const json of data) next(JSON.parse(json))
    }
  }
  return {
    updates$: new Observable((updates) => {
      const leaving = new AbortController()
      let timer: ReturnType<typeof setTimeout> | undefined
      const isAlive = () => {
        clearTimeout(timer)
        timer = setTimeout(() => {
          updates.error(new Error("the connection is dead"))
        }, longestSilence)
      }
      isAlive()
      watch(leaving.signal, (update) => updates.next(update), isAlive).then(
        () => updates.complete(),
        (error) => updates.error(error)
      )
      return () => {
        clearTimeout(timer)
        leaving.abort()
      }
    }),
    call: async (call) => {
      const response = await ask(url, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify(call)
      })
      if (!response.ok && response.status !== 422) throw await errorOf(response)
      return (await response.json()) as Answer
    }
  }
}
