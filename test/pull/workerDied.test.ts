/** A worker that dies takes its layer with it, and nothing else. */
import type { Worker } from "node:worker_threads"
import { afterAll, expect, test } from "vitest"
import type { PullEvent } from "../../src/api/events.ts"
import { fault, image, Prng, startRegistry } from "../../src/testing/index.ts"
import { endKept } from "../support/KeptWorker.ts"
import { open } from "../support/open.ts"

const workers = new Set<Worker>()
const watch = (worker: Worker) => {
  workers.add(worker)
  worker.once("exit", () => workers.delete(worker))
}
process.on("worker", watch)
afterAll(() => void process.off("worker", watch))

test("a killed worker is WorkerDied; the next pull continues from the kept bytes with a new worker", {
  timeout: 60_000
}, async () => {
  await endKept()
  const made = await image({ layers: [{ files: { "noise.bin": new Prng("dies").bytes(400_000) } }] })
  const digest = made.manifests[0]?.layers[0]?.digest ?? ""
  await using registry = await startRegistry({ images: { "app:1": made } })
  registry.fault({ kind: "blob", reference: digest, times: 1 }, fault.stall(200_000))
  await using oci = await open({ workers: 1 })
  let consumed = 0
  const onEvent = (event: PullEvent) => {
    if (event._tag === "LayerProgress") ({ consumed } = event)
  }
  const failing = oci.pull(registry.reference("app:1"), { onEvent }).then(
    () => expect.unreachable(),
    (error) => error
  )
  // A thread that is ended while it loads a native module takes the process with it: it has loaded them when it tells of bytes.
  await expect.poll(() => consumed, { timeout: 20_000, interval: 20 }).toBeGreaterThan(0)
  await expect
    .poll(async () => (await oci.usage()).partials.bytes, { timeout: 20_000, interval: 100 })
    .toBeGreaterThan(190_000)
  expect(workers.size).toBe(1)
  for (const worker of workers) await worker.terminate()
  expect((await failing).reason).toMatchObject({ _tag: "WorkerDied", digest })
  expect(await oci.layers()).toEqual([])
  expect((await oci.usage()).staging).toBeLessThan(10_000)
  expect((await oci.pull(registry.reference("app:1"))).layers).toHaveLength(1)
  expect(registry.log.repeated(digest)).toBe(0)
})
