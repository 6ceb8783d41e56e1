// Pulls in a process of its own, plain JavaScript so that no loader is measured with it. One JSON argument in, one
// JSON line out: { tree, root, references, options?, call?, again?, anew?, delay? } → { load, open, pull, again, anew, delay } in
// milliseconds.
import { monitorEventLoopDelay, performance } from "node:perf_hooks"
import { pathToFileURL } from "node:url"

const {
  tree,
  root,
  references,
  options = {},
  call = {},
  again = 0,
  anew = 0,
  delay = false
} = JSON.parse(process.argv[2])

const timed = async (work) => {
  const began = performance.now()
  const value = await work()
  return [performance.now() - began, value]
}

const [load, { open }] = await timed(() => import(pathToFileURL(`${tree}/dist/index.js`).href))
const [opened, client] = await timed(() => open({ root, ...options }))
// Samples a timer of one millisecond, so that much of each sample is not a delay.
const resolution = 1
const histogram = monitorEventLoopDelay({ resolution })
if (delay) histogram.enable()
const pullAll = () => Promise.all(references.map((reference) => client.pull(reference, call)))
const [pull] = await timed(pullAll)
histogram.disable()
const repeated = []
for (let i = 0; i < again; i++) repeated.push((await timed(pullAll))[0])
const afresh = []
for (let i = 0; i < anew; i++) {
  for (const reference of references) await client.remove(reference)
  afresh.push((await timed(pullAll))[0])
}
await client.close()
const late = (nanos) => Math.max(0, nanos / 1e6 - resolution)
console.log(
  JSON.stringify({
    load,
    open: opened,
    pull,
    again: repeated,
    anew: afresh,
    delay: delay && {
      median: late(histogram.percentile(50)),
      p99: late(histogram.percentile(99)),
      max: late(histogram.max)
    }
  })
)
