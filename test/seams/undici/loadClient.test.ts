import { expect, test } from "vitest"
import * as guarded from "../../../src/seams/undici/GuardedClient.ts"
import { loadClient } from "../../../src/seams/undici/loadClient.ts"

test("the client is loaded in several turns, and is the one that an import gives", async () => {
  let turned = false
  setImmediate(() => {
    turned = true
  })
  expect(await loadClient()).toBe(guarded)
  expect(turned).toBe(true)
})
