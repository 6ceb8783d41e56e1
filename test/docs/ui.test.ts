import { gzipSync } from "node:zlib"
import { expect, test } from "vitest"

test("the example's page holds nothing of Node, and with RxJS less than 60 kB gzipped", async () => {
  // It is a program of somebody who installed us: its types are those of the build.
  const { bundle } = await import(new URL("../../docs/examples/ui/server.ts", import.meta.url).href)
  // The bundler fails for a module of Node's.
  expect(gzipSync(await bundle()).length).toBeLessThan(60_000)
})
