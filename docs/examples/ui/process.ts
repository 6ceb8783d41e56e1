/**
 * The server in a process of its own, for tests that kill it and for a benchmark. Its argument is its options as JSON. It sends
 * its address, and answers each message with how late its event loop was since the last one, in milliseconds.
 */
import { monitorEventLoopDelay } from "node:perf_hooks"
import { startServer } from "./server.ts"

const { url } = await startServer(JSON.parse(process.argv[2] ?? ""))
const resolution = 1
const delay = monitorEventLoopDelay({ resolution })
const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolution)
delay.enable()
process.on("message", () => {
  process.send?.({ p99: late(delay.percentile(99)), max: late(delay.max) })
  delay.reset()
})
process.send?.({ url })
// Ends with who started it.
process.once("disconnect", () => process.exit())
