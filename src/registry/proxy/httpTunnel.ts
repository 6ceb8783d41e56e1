/** A way through a proxy (RFC 9110, section 9.3.6, CONNECT): the socket behind it is then spoken TLS over. */
import type { Socket } from "node:net"
import * as Redacted from "effect/Redacted"
import { printable } from "../../api/errors.ts"
import { nodeHttp, nodeHttps } from "../../seams/builtins.ts"
import type { ForwardProxy } from "./Proxy.ts"

/** The proxy refused or is not a proxy (`PROXY_REFUSED`), or it could not be asked (`PROXY_UNREACHABLE`). */
export class TunnelRefused extends Error {
  readonly code: "PROXY_REFUSED" | "PROXY_UNREACHABLE"
  constructor(message: string, code: TunnelRefused["code"]) {
    super(message)
    this.code = code
  }
}

export interface TunnelOptions {
  /** Milliseconds until it stands. */
  readonly timeout: number
  readonly signal: AbortSignal
}

/** What the socket is to lead to. */
export interface Target {
  readonly hostname: string
  readonly protocol: string
  /** Default: that of the protocol. */
  readonly port: string
}

/** Makes a socket that leads through a proxy; `done` is called once. */
export type Tunnel = (
  proxy: ForwardProxy,
  target: Target,
  options: TunnelOptions,
  done: (error: Error | null, socket: Socket | null) => void
) => void

export const tunnel: Tunnel = ({ origin, authorization }, { hostname, port }, { timeout, signal }, done) => {
  const proxy = new URL(origin)
  const target = `${hostname.includes(":") ? `[${hostname.replace(/^\[|\]$/g, "")}]` : hostname}:${port || 443}`
  const { request: ask } = proxy.protocol === "https:" ? nodeHttps() : nodeHttp()
  const request = ask({
    host: proxy.hostname.replace(/^\[|\]$/g, ""),
    port: proxy.port || (proxy.protocol === "https:" ? 443 : 80),
    method: "CONNECT",
    path: target,
    agent: false,
    signal,
    headers: {
      host: target,
      ...(authorization === undefined ? {} : { "proxy-authorization": Redacted.value(authorization) })
    }
  })
  let settled = false
  const settle = (error: Error | null, socket: Socket | null) => {
    if (settled) return
    settled = true
    clearTimeout(timer)
    done(error, socket)
  }
  const fail = (problem: string, code: TunnelRefused["code"] = "PROXY_REFUSED") => {
    settle(new TunnelRefused(`the proxy ${proxy.host} ${problem}`, code), null)
    request.destroy()
  }
  const timer = setTimeout(() => fail(`gave no answer within ${timeout} ms`, "PROXY_UNREACHABLE"), timeout)
  request.on("connect", (response, socket: Socket, head) => {
    const status = response.statusCode ?? 0
    // In TLS the client speaks first: bytes that arrive before are something else.
    if (status < 200 || status >= 300 || head.length > 0) {
      socket.on("error", () => undefined).destroy()
      const words = printable(response.statusMessage ?? "", 60)
      return fail(
        head.length > 0 && status < 300 ? "sent data before the request" : `answered ${status} ${words}`.trim()
      )
    }
    socket.setTimeout(0)
    if (settled) socket.destroy()
    else settle(null, socket)
  })
  request.on("response", (response) => {
    response.resume()
    fail(`answered ${response.statusCode ?? 0} ${printable(response.statusMessage ?? "", 60)}`.trim())
  })
  request.on("error", (error) => fail(`did not open a tunnel: ${printable(error.message)}`, "PROXY_UNREACHABLE"))
  request.end()
}
