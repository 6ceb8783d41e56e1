/**
 * A page in the browser that pulls images, on this machine alone: no network, no root, no daemon.
 *
 *     npm run demo:ui
 */
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startDemoRegistry } from "./registry.ts"
import { startServer } from "./server.ts"

// The same each time, so that what was interrupted can be resumed.
const root = join(tmpdir(), "ociflow-demo-ui")
const registry = await startDemoRegistry({ port: Number(process.env["REGISTRY_PORT"] ?? 5017) })
const { names, manyNames } = registry
const server = await startServer({ root, port: Number(process.env["PORT"] ?? 8017), names, many: manyNames })
console.log(`${server.url}  (Ctrl-C ends it; the store is ${root})`)

process.once("SIGINT", async () => {
  await server.close()
  await registry.close()
})
