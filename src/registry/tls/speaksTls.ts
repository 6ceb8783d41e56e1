/** Asks a server whether it speaks TLS, by nothing but the beginning of a handshake. */

import * as Effect from "effect/Effect"
import { codeOf } from "../../api/codeOf.ts"
import { nodeTls } from "../../seams/builtins.ts"
import { hostOf } from "../address/Address.ts"

/** Whom it vouches for is looked at when it is asked for something: a server that wants a certificate speaks TLS, too. */
export const speaksTls = (url: URL, timeout: number): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = nodeTls().connect({
      host: hostOf(url),
      port: Number(url.port || 80),
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
      timeout
    })
    const end = (speaks: boolean) => {
      socket.destroy()
      resume(Effect.succeed(speaks))
    }
    socket
      .once("secureConnect", () => end(true))
      .once("timeout", () => end(false))
      .on("error", (error) => end(/^ERR_SSL_.*_ALERT_/.test(codeOf(error))))
    return Effect.sync(() => socket.destroy())
  })
