// Preloaded into every thread of a profiled pull: V8's CPU profile of the main thread until it exits, and of a worker
// until each of its jobs is done. `--cpu-prof` writes none for a worker that is terminated. PROFILES: the directory.
import { writeFileSync } from "node:fs"
import { Session } from "node:inspector"
import { syncBuiltinESMExports } from "node:module"
import threads, { isMainThread, parentPort, threadId } from "node:worker_threads"

const session = new Session()
session.connect()
session.post("Profiler.enable")
session.post("Profiler.setSamplingInterval", { interval: 500 })
session.post("Profiler.start")

let count = 0
const write = () =>
  // Called back before `post` returns.
  session.post("Profiler.stop", (_, { profile }) => {
    const name = isMainThread ? "main" : `worker-${threadId}-${count++}`
    writeFileSync(`${process.env.PROFILES}/${name}.cpuprofile`, JSON.stringify(profile))
  })

if (isMainThread) {
  // A worker that says its own flags does not inherit this one.
  const { Worker } = threads
  threads.Worker = class extends Worker {
    constructor(url, options) {
      super(url, { ...options, execArgv: [...(options?.execArgv ?? []), "--import", import.meta.url] })
    }
  }
  syncBuiltinESMExports()
  process.on("exit", write)
} else {
  const post = parentPort.postMessage
  parentPort.postMessage = (message, ...rest) => {
    if (message?._tag === "Done") {
      write()
      session.post("Profiler.start")
    }
    post.call(parentPort, message, ...rest)
  }
}
