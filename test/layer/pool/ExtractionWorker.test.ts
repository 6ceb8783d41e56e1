import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { join } from "node:path"
import { build } from "esbuild"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

const repository = join(import.meta.dirname, "../../..")
let directory: string

beforeAll(async () => {
  // Beneath the repository: its packages are found from there.
  directory = await mkdtemp(join(repository, "node_modules/.ociflow-"))
  const contents = 'export * from "./ExtractionWorker.ts"; export { useAssets } from "../../assets.ts"'
  await build({
    stdin: { contents, resolveDir: join(repository, "src/layer/pool"), loader: "ts" },
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    outfile: join(directory, "module.mjs")
  })
})

afterAll(() => rm(directory, { recursive: true }))

const ways = {
  "closes it": "await worker.end()",
  exits: "process.exit(0)",
  "just ends": ""
}

/** How a program ended that made a worker and left it after so many milliseconds: its exit code, or the signal. */
const leave = async (way: string, after: number): Promise<unknown> => {
  const program = `
    const { ExtractionWorker, useAssets } = await import(${JSON.stringify(join(directory, "module.mjs"))})
    useAssets({ worker: ${JSON.stringify(join(repository, "dist/ociflow-worker.js"))} })
    const worker = new ExtractionWorker(() => {})
    await new Promise((resolve) => setTimeout(resolve, ${after}))
    ${way}`
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "ignore" })
  const [code, signal] = await once(child, "exit")
  return signal ?? code
}

// A native module that is loading when its thread is ended aborts the process: the times go through the loading.
describe.each(Object.entries(ways))("a program that %s while its worker loads", (_name, way) => {
  test("ends well, whatever the worker had loaded", async () => {
    const outcomes = []
    for (let after = 0; after <= 200; after += 25) outcomes.push(await leave(way, after))
    expect(outcomes).toEqual(outcomes.map(() => 0))
  })
})
