import { spawn } from "node:child_process"
import { once } from "node:events"
import { describe, expect, test } from "vitest"
import { bundled } from "../../support/bundled.ts"

const ways = {
  "closes it": "await worker.end()",
  exits: "process.exit(0)",
  "just ends": ""
}

/** How a program ended that made a worker and left it after so many milliseconds: its exit code, or the signal. */
const leave = async (way: string, after: number): Promise<unknown> => {
  const file = await bundled(`
    import { ExtractionWorker } from "./src/layer/pool/ExtractionWorker.ts"
    const worker = new ExtractionWorker(() => {})
    await new Promise((resolve) => setTimeout(resolve, Number(process.argv[2])))
    ${way}`)
  const child = spawn(process.execPath, [file, `${after}`], { stdio: "ignore" })
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
