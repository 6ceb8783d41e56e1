/** A server whose answers are bytes as they are, each case its own: in pieces of any length, with any end. */
import { type AddressInfo, createServer, type Socket } from "node:net"
import { setImmediate } from "node:timers/promises"

export interface Asked {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** First byte of the range, where one is asked for. */
  readonly from: number | undefined
}

export interface RawAnswer {
  readonly pieces: ReadonlyArray<Uint8Array>
  /** What the connection does behind them. `stall`: it stays open and silent, as with `keep`, and more was announced. */
  readonly end: "keep" | "close" | "reset" | "stall"
}

export type Answering = (asked: Asked) => RawAnswer

/** Longest wait for the client's sockets to close, in milliseconds. */
const patience = 30_000

/** To HEAD the first piece alone is the answer. */
export const headOf = ({ pieces, end }: RawAnswer): RawAnswer => ({ pieces: pieces.slice(0, 1), end })

export const withLength = (status: string, headers: ReadonlyArray<string>, body: Uint8Array): RawAnswer => ({
  pieces: [
    Buffer.from([`HTTP/1.1 ${status}`, ...headers, `content-length: ${body.length}`, "", ""].join("\r\n"), "latin1"),
    body
  ],
  end: "keep"
})

export const notFound = withLength("404 Not Found", [], Buffer.alloc(0))

export class CaseServer {
  readonly #server
  readonly #sockets = new Set<Socket>()
  #answering: Answering = () => notFound

  private constructor() {
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket))
  }

  static async start(): Promise<CaseServer> {
    const server = new CaseServer()
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve))
    return server
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The law that is broken when the case is over: its client has closed its connections. */
  async during(answering: Answering, use: () => Promise<void>): Promise<string | undefined> {
    this.#answering = answering
    await use()
    const late = performance.now() + patience
    while (this.#sockets.size > 0 && performance.now() < late) await setImmediate()
    const left = this.#sockets.size
    for (const socket of this.#sockets) socket.destroy()
    return left === 0 ? undefined : `${left} connections are left`
  }

  close(): void {
    this.#server.close()
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on("close", () => this.#sockets.delete(socket))
    socket.on("error", () => undefined)
    let read = ""
    let busy = Promise.resolve()
    socket.on("data", (bytes) => {
      read += bytes.toString("latin1")
      for (let end = read.indexOf("\r\n\r\n"); end !== -1; end = read.indexOf("\r\n\r\n")) {
        const head = read.slice(0, end + 2)
        read = read.slice(end + 4)
        const from = /\r\nrange: bytes=(\d+)-/i.exec(head)?.[1]
        const [method = "", path = ""] = head.split(" ", 2)
        const answer = this.#answering({ method, path, from: from === undefined ? undefined : Number(from) })
        busy = busy.then(() => send(socket, answer))
      }
    })
  }
}

const send = async (socket: Socket, { pieces, end }: RawAnswer): Promise<void> => {
  for (const piece of pieces) {
    if (socket.destroyed) return
    socket.write(piece)
    await setImmediate()
  }
  if (end === "close") socket.end()
  if (end === "reset") socket.resetAndDestroy()
}
