import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { expect, test } from "vitest"
import {
  buildConnector,
  type Connection,
  guardedAgent,
  type Pausable
} from "../../../src/seams/undici/GuardedClient.ts"

test("a request knows its connection's address, and reads an unusual head as Go does", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined)
    socket.once("data", () => socket.end("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\ncontent-length: 4\n\nbody"))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const agent = guardedAgent({ connect: buildConnector({ timeout: 1000 }) })
  let connection: Connection | undefined
  const options: Pausable = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    path: "/",
    method: "GET",
    isPaused: () => false,
    onDispatch: (it) => {
      connection = it
    }
  }
  const seen: Array<unknown> = []
  await new Promise<void>((resolve) => {
    agent.dispatch(options, {
      onRequestStart: () => undefined,
      onResponseStart: (_, status) => seen.push(status),
      onResponseData: (_, chunk) => seen.push(String(chunk)),
      onResponseEnd: () => resolve(),
      onResponseError: (_, reason) => {
        seen.push(reason)
        resolve()
      }
    })
  })
  expect(seen).toEqual([200, "body"])
  expect(connection?.peer).toBe("127.0.0.1")
  await agent.destroy()
  server.close()
})
