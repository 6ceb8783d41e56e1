import { nodeHttp2 } from "../builtins.ts"

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

/**
 * Loads undici's client in several turns of the event loop: all at once, it and what it asks for of Node keep a program waiting for
 * 40 ms. HTTP/2 is never spoken, but asked for by each client, and takes the longest.
 */
export const loadClient = async (): Promise<typeof import("./GuardedClient.ts")> => {
  nodeHttp2()
  await nextTurn()
  await import("undici/lib/core/util.js")
  await import("undici/lib/core/request.js")
  return import("./GuardedClient.ts")
}
