/** A way through a SOCKS 5 proxy (RFC 1928, RFC 1929), by undici's own client of it; the proxy resolves names. */

import { connect } from "node:net"
import * as Redacted from "effect/Redacted"
import { codeOf } from "../../api/codeOf.ts"
import { printable } from "../../api/errors.ts"
import { Socks5Client } from "../../seams/undici/Socks5Client.ts"
import { type Tunnel, TunnelRefused } from "./httpTunnel.ts"

/** The login, or its rules: asking again does not help. */
const refusal = /^UND_ERR_SOCKS5_(?:AUTH|VERSION|REPLY_2$)/

const withoutBrackets = (host: string) => host.replace(/^\[|\]$/g, "")

export const socksTunnel: Tunnel = ({ origin, socks }, { hostname, protocol, port }, { timeout, signal }, done) => {
  const proxy = new URL(origin)
  const socket = connect({
    host: withoutBrackets(proxy.hostname),
    port: Number(proxy.port || 1080),
    autoSelectFamily: true,
    signal
  })
  let settled = false
  const fail = (problem: string, code: TunnelRefused["code"] = "PROXY_UNREACHABLE") => {
    socket.destroy()
    if (settled) return
    settled = true
    clearTimeout(timer)
    done(new TunnelRefused(`the proxy ${proxy.host} ${problem}`, code), null)
  }
  const timer = setTimeout(() => fail(`gave no answer within ${timeout} ms`), timeout)
  socket.on("error", (error) => fail(`did not open a tunnel: ${printable(error.message)}`))
  socket.once("connect", () => {
    const client = new Socks5Client(socket, {
      ...(socks === undefined || socks.username === ""
        ? {}
        : { username: socks.username, password: Redacted.value(socks.password) })
    })
    client
      .on("error", (error: Error) => {
        const code = refusal.test(codeOf(error)) ? "PROXY_REFUSED" : "PROXY_UNREACHABLE"
        fail(`did not open a tunnel: ${printable(error.message, 100)}`, code)
      })
      .on("close", () => fail("closed the connection"))
      .once("authenticated", () =>
        client.connect(withoutBrackets(hostname), Number(port || (protocol === "https:" ? 443 : 80)))
      )
      .once("connected", () => {
        // Nothing is read before the tunnel's user listens.
        socket.pause()
        if (settled) return void socket.destroy()
        settled = true
        clearTimeout(timer)
        done(null, socket)
      })
    client.handshake()
  })
}
