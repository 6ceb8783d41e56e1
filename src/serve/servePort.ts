/** `oci.pulls` over a `MessagePort`: to a worker, a frame or another process of Electron. Any code that has the port may use it. */
import type { ToClient } from "../pulls/Protocol.ts"
import type { Pulls } from "../pulls/Pulls.ts"
import { Feed } from "./Feed.ts"
import { invalidCall, makeCalls, readCall } from "./makeCalls.ts"
import type { ServeOptions } from "./ServeOptions.ts"

/** A `MessagePort` of the web or of Node, a `Worker`, or Electron's `MessagePortMain`. */
export interface Port {
  readonly postMessage: (message: never) => void
  readonly addEventListener?: (type: "message", listener: (event: { readonly data: unknown }) => void) => void
  readonly removeEventListener?: (type: "message", listener: (event: { readonly data: unknown }) => void) => void
  readonly on?: (type: "message", listener: (event: { readonly data: unknown }) => void) => unknown
  readonly off?: (type: "message", listener: (event: { readonly data: unknown }) => void) => unknown
  readonly start?: () => void
}

/** Milliseconds of one wait. */
const patience = 60_000

/** The returned function stops it; pulls go on. */
export const servePort = (pulls: Pulls, port: Port, options: ServeOptions): (() => void) => {
  const call = makeCalls(pulls, options)
  let feed: Feed | undefined
  const send = (message: ToClient) => port.postMessage(message as never)
  const leave = () => {
    feed?.close()
    feed = undefined
  }
  let isAsked = false
  const next = async () => {
    if (isAsked) return
    isAsked = true
    feed ??= new Feed(pulls)
    const mine = feed
    let update = await mine.take(patience)
    while (update === "nothing") update = await mine.take(patience)
    isAsked = false
    if (update !== undefined && mine === feed) send({ update })
  }
  const listener = ({ data }: { readonly data: unknown }) => {
    const { id, next: isNext, leave: isLeaving } = Object(data)
    if (isLeaving === true) return leave()
    if (isNext === true) return void next()
    if (!Number.isSafeInteger(id)) return
    const given = readCall(data)
    if (given === undefined) return send({ id, error: invalidCall })
    void call(given).then((answer) => send({ id, ...answer }))
  }
  if (port.addEventListener === undefined) port.on?.("message", listener)
  else port.addEventListener("message", listener)
  port.start?.()
  return () => {
    leave()
    if (port.removeEventListener === undefined) port.off?.("message", listener)
    else port.removeEventListener("message", listener)
  }
}
