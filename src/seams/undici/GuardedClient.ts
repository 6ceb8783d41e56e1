/**
 * Connections as undici 7 makes them, without two of its habits.
 *
 * It asserts that no connection ends while its body is paused (nodejs/undici#5360): where an answer says
 * `Connection: close` and the peer ends or resets the connection while the body waits for our gate, the assertion is
 * thrown from the socket's own event and ends the process. So such an end reaches undici as what it is for us: an error
 * of the connection. All bytes that the socket had were handed over by then, and the rest is asked for again.
 *
 * And it takes the close of a connection whose request we aborted for a hint to connect anew, for that same request: a
 * cancelled pull would leave a socket behind.
 *
 * What it reads of heads and of chunks is what `readHeads` makes of them.
 */

import type { Socket } from "node:net"
import type { Dispatcher } from "undici"
import buildConnector from "undici/lib/core/connect.js"
import Agent from "undici/lib/dispatcher/agent.js"
import Client from "undici/lib/dispatcher/client.js"
import Pool from "undici/lib/dispatcher/pool.js"
import { codeOf } from "../../api/codeOf.ts"
import { optimizeLate } from "../v8/optimizeLate.ts"
import { type Awaited, readHeads } from "./readHeads.ts"

export { buildConnector }

/** What a request is sent by. */
export interface Connection {
  /** The address that it was made to, once it stands. */
  readonly peer: string | undefined
  /** To be called once the request has ended: an idle connection would keep its pull, with all its documents. */
  readonly release: () => void
}

/** The options of a request, and whether its body is paused now. */
export interface Pausable extends Dispatcher.DispatchOptions {
  readonly isPaused: () => boolean
  readonly onDispatch: (connection: Connection) => void
}

const broken = () => Object.assign(new Error("the connection ended"), { code: "UND_ERR_SOCKET" })

const guard = (socket: Socket, isPaused: () => boolean): void => {
  const emit = socket.emit.bind(socket)
  let first: unknown
  socket.emit = (event: string | symbol, ...args: ReadonlyArray<unknown>): boolean => {
    const paused = isPaused()
    if (paused && event === "end") {
      socket.destroy(broken())
      return true
    }
    // With an error that undici has seen, it does not ask its parser whether the answer was complete.
    if (paused && event === "close" && first === undefined) emit("error", broken())
    if (event !== "error") return emit(event, ...args)
    // What ended it. That the other side is closed then, as undici says next, tells nobody why: of a TLS alert, for one.
    first ??= args[0]
    const code = codeOf(first)
    return emit(event, code === "UND_ERR_INFO" || (paused && code === "ECONNRESET") ? broken() : first)
  }
}

const never = () => false

let hasParser = false

/** A connection, and the request that it has now. */
class Running implements Awaited, Connection {
  isPaused: () => boolean = never
  head = false
  peer: string | undefined

  release(): void {
    this.isPaused = never
  }
}

class GuardedClient extends Client {
  readonly #running: Running

  constructor(origin: URL, { connect, ...options }: Client.Options) {
    const running = new Running()
    const connector: buildConnector.connector = (target, callback) => {
      if (typeof connect !== "function") return callback(new Error("a pool gives its clients a connector"), null)
      connect(target, (...result) => {
        if (result[0] !== null) return callback(...result)
        guard(result[1], () => running.isPaused())
        readHeads(result[1], running)
        // Here, since a socket that has ended no longer tells.
        running.peer = result[1].remoteAddress
        if (hasParser) return callback(...result)
        hasParser = true
        // undici compiles its parser within the call that brings it its first connection.
        optimizeLate(() => callback(...result))
      })
    }
    super(origin, { ...options, connect: connector })
    this.#running = running
  }

  override dispatch(options: Pausable, handler: Dispatcher.DispatchHandler): boolean {
    // Without pipelining a client has one request at a time.
    this.#running.isPaused = options.isPaused
    this.#running.head = true
    options.onDispatch(this.#running)
    return super.dispatch(options, handler)
  }
}

/** An agent whose connections are guarded; every request to it is `Pausable`. */
export const guardedAgent = (options: Agent.Options): Agent =>
  new Agent({
    ...options,
    factory: (origin, given) => new Pool(origin, { ...given, factory: (url, each) => new GuardedClient(url, each) })
  })
