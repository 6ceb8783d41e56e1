/** Carries by a `MessagePort`, of a worker, a frame or another process of Electron. */
import { Observable } from "rxjs"
import type { Answer, ToClient, ToServer, Update } from "../pulls/Protocol.ts"
import type { Carrier } from "./Carrier.ts"

/** A `MessagePort` of the web or of Node, or a `Worker`. */
export interface ClientPort {
  readonly postMessage: (message: never) => void
  readonly addEventListener: (type: "message", listener: (event: { readonly data: unknown }) => void) => void
  readonly start?: () => void
}

export const overPort = (port: ClientPort): Carrier => {
  const waiting = new Map<number, (answer: Answer) => void>()
  const watchers = new Set<(update: Update) => void>()
  let last = 0
  const send = (message: ToServer) => port.postMessage(message as never)
  port.addEventListener("message", ({ data }) => {
    const message = data as ToClient
    if ("update" in message) {
      for (const next of watchers) next(message.update)
      if (watchers.size > 0) send({ next: true })
      return
    }
    const { id, ...answer } = message
    waiting.get(id)?.(answer)
    waiting.delete(id)
  })
  port.start?.()
  return {
    call: (call) =>
      new Promise((resolve) => {
        const id = ++last
        waiting.set(id, resolve)
        send({ id, ...call })
      }),
    updates$: new Observable((updates) => {
      const next = (update: Update) => updates.next(update)
      watchers.add(next)
      send({ next: true })
      return () => {
        watchers.delete(next)
        send({ leave: true })
      }
    })
  }
}
