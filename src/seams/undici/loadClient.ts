import { setImmediate as turn } from "node:timers/promises"
import { nodeHttp2 } from "../builtins.ts"

/**
 * Loads undici's client in several turns of the event loop. Loaded at once, it and the parts of Node that it needs block the loop for
 * 40 ms. HTTP/2 is never spoken, but each client asks for its module, which takes the longest.
 */
export const loadClient = async (): Promise<typeof import("./GuardedClient.ts")> => {
  nodeHttp2()
  await turn()
  await import("undici/lib/core/util.js")
  await import("undici/lib/core/request.js")
  return import("./GuardedClient.ts")
}
