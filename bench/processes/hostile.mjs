// Meets a hostile registry in a process of its own, plain JavaScript so that no loader is measured with it. One JSON
// argument in, one JSON line out: { tree, root, references, action, options } → { ends, p99, max } in milliseconds.
import { monitorEventLoopDelay } from "node:perf_hooks"
import { pathToFileURL } from "node:url"

const { tree, root, references, action, options } = JSON.parse(process.argv[2])
const { open, Gate } = await import(pathToFileURL(`${tree}/dist/index.js`).href)
const { concatMap, tap } = await import("rxjs")
const client = await open({ root, ...options })

const last = (sequence) =>
  new Promise((resolve, reject) => sequence.subscribe({ error: reject, complete: () => resolve(undefined) }))
const actions = {
  images: () => client.images(),
  pull: (reference) => client.pull(reference),
  entries: (reference) => last(client.entries$(reference)),
  bodies: (reference) => last(client.entries$(reference).pipe(concatMap((entry) => entry.body$))),
  "slow bodies": (reference) => {
    const gate = new Gate()
    const slowly = async () => {
      await new Promise(setImmediate)
      gate.open()
    }
    return last(
      client.entries$(reference, { gate }).pipe(
        concatMap((entry) => entry.body$),
        tap(() => gate.close()),
        concatMap(slowly)
      )
    )
  },
  texts: (reference) => last(client.entries$(reference).pipe(concatMap((entry) => entry.text()))),
  tags: (reference) => last(client.tags$(reference)),
  referrers: (reference) => last(client.referrers$(reference))
}

// Samples a timer of one millisecond, so that much of each sample is no delay.
const resolution = 1
const histogram = monitorEventLoopDelay({ resolution })
histogram.enable()
const ends = await Promise.all(
  references.map((reference) =>
    actions[action](reference).then(
      () => "done",
      (error) => error.reason?._tag ?? error._tag ?? String(error)
    )
  )
)
histogram.disable()
await client.close()
const late = (nanos) => Math.max(0, nanos / 1e6 - resolution)
console.log(JSON.stringify({ ends, p99: late(histogram.percentile(99)), max: late(histogram.max) }))
