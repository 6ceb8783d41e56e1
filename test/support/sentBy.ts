import { setTimeout as sleep } from "node:timers/promises"
import type { TestRegistry } from "../../src/testing/index.ts"

/** Bytes of blobs that were sent, once that stands still. */
export const sentBy = async (registry: TestRegistry): Promise<number> => {
  for (let before = -1; ; await sleep(100)) {
    const sent = registry.log.where({ kind: "blob", method: "GET" }).reduce((sum, it) => sum + it.sent, 0)
    if (sent === before) return sent
    before = sent
  }
}

/** Bytes that sockets and kernels hold on loopback, beside what the client holds. */
export const buffered = 16 * 2 ** 20
