import { MessageChannel } from "node:worker_threads"
import { expect, test, vi } from "vitest"
import { endThread } from "../../src/seams/endThread.ts"

test("the port is closed where it can be; a port that cannot leaves Node's thread alone", () => {
  const { port1: port } = new MessageChannel()
  const close = vi.spyOn(port, "close")
  endThread(port)
  expect(close).toHaveBeenCalledTimes(1)
  expect(() => endThread({} as typeof port)).not.toThrow()
})
