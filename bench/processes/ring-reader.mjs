// The other end of the `ring` stage: reads a ring to its end again and again, and says so; or takes what is posted.
import { parentPort, workerData } from "node:worker_threads"

const { ring, memory } = workerData
const { RingReader } = await import(ring)
const reader = new RingReader(memory, () => parentPort.postMessage("drained"))
parentPort.on("message", (message) => {
  if (message !== "read") return parentPort.postMessage(message.byteLength)
  for (let bytes = reader.read(65_536); bytes !== undefined; bytes = reader.read(65_536)) reader.release(bytes.length)
  parentPort.postMessage("done")
})
parentPort.postMessage("ready")
