// Pulls in a process of its own, and tells what processor time each of its threads took. One JSON argument in, one JSON line
// out: { tree, root, reference, options } → { wall, threads } in milliseconds, the threads in falling order.
import { readdirSync, readFileSync } from "node:fs"
import { performance } from "node:perf_hooks"
import { pathToFileURL } from "node:url"

const { tree, root, reference, options } = JSON.parse(process.argv[2])
const { open } = await import(pathToFileURL(`${tree}/dist/index.js`).href)
const client = await open({ root, ...options })
const cpu = () =>
  new Map(
    readdirSync("/proc/self/task").map((task) => [
      task,
      Number(readFileSync(`/proc/self/task/${task}/schedstat`, "latin1").split(" ", 1)[0]) / 1e6
    ])
  )
const before = cpu()
const began = performance.now()
await client.pull(reference)
const wall = performance.now() - began
const threads = [...cpu()].map(([task, millis]) => millis - (before.get(task) ?? 0)).sort((a, b) => b - a)
await client.close()
console.log(JSON.stringify({ wall, threads }))
