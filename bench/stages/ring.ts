import { once } from "node:events"
import { pathToFileURL } from "node:url"
import { Worker } from "node:worker_threads"
import { feed, makeRingMemory, RingWriter } from "../../src/layer/Ring.ts"
import { Gate } from "../../src/reactive/Gate.ts"
import type { Bench } from "../Bench.ts"
import { micro } from "../measure/micro.ts"
import { ofBytes } from "../measure/source.ts"
import { here } from "../peers/ociflow.ts"

export const question = "How fast do bytes cross to a worker: through the ring, and as messages that transfer buffers?"

const bytes = Buffer.alloc(2 ** 26)

const startReader = async (capacity: number) => {
  const memory = makeRingMemory(capacity)
  const ring = pathToFileURL(`${here}/dist/layer/Ring.js`).href
  const worker = new Worker(new URL("../processes/ring-reader.mjs", import.meta.url), {
    workerData: { ring, memory },
    execArgv: []
  })
  await once(worker, "message")
  return { memory, worker }
}

const cross = (worker: Worker, writer: RingWriter, size: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const gate = new Gate()
    writer.reset()
    worker.postMessage("read")
    const { drained } = feed(ofBytes(bytes, gate, size), writer, gate, { received: () => {}, error: reject })
    const hear = (message: string) => {
      if (message === "drained") return drained()
      worker.off("message", hear)
      resolve()
    }
    worker.on("message", hear)
  })

/** At most 16 under way, or memory grows with the whole layer. */
const transfer = (worker: Worker, size: number): Promise<void> =>
  new Promise((resolve) => {
    let at = 0
    let underWay = 0
    const send = () => {
      for (; underWay < 16 && at < bytes.length; at += size) {
        const piece = Uint8Array.from(bytes.subarray(at, at + size))
        worker.postMessage(piece, [piece.buffer])
        underWay += 1
      }
    }
    const hear = () => {
      underWay -= 1
      send()
      if (underWay > 0) return
      worker.off("message", hear)
      resolve()
    }
    worker.on("message", hear)
    send()
  })

export const run = async (bench: Bench) => {
  const { memory, worker } = await startReader(2 ** 20)
  const writer = new RingWriter(memory)
  const amount = bytes.length
  const unit = "MB/s" as const
  const figures = await micro(bench, [
    { what: "ring of 1 MiB, pieces of 16 KiB", amount, unit, run: () => cross(worker, writer, 16_384) },
    { what: "ring of 1 MiB, pieces of 64 KiB", amount, unit, run: () => cross(worker, writer, 65_536) },
    { what: "messages, pieces of 16 KiB", amount, unit, run: () => transfer(worker, 16_384) },
    { what: "messages, pieces of 64 KiB", amount, unit, run: () => transfer(worker, 65_536) }
  ])
  await worker.terminate()
  return figures
}
