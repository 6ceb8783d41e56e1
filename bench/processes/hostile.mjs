// Meets a hostile registry in a process of its own, plain JavaScript so that no loader is measured with it. One JSON
// argument in, one JSON line out: { tree, root, references, action, options } → { ends, p99, max } in milliseconds of CPU.
import { openSync, readSync } from "node:fs"
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

// How long the event loop is kept: CPU time of this thread from one turn to the next, sampled by a timer of a millisecond.
// Unlike the delay of the timer, it does not grow where other processes have the cores.
const schedstat = openSync(`/proc/self/task/${process.pid}/schedstat`)
const text = Buffer.alloc(64)
const cpu = () => Number(text.toString("latin1", 0, readSync(schedstat, text, 0, 64, 0)).split(" ", 1)[0]) / 1e6
const turns = []
let before = cpu()
const timer = setInterval(() => {
  const now = cpu()
  turns.push(now - before)
  before = now
}, 1)
const ends = await Promise.all(
  references.map((reference) =>
    actions[action](reference).then(
      () => "done",
      (error) => error.reason?._tag ?? error._tag ?? String(error)
    )
  )
)
turns.push(cpu() - before)
clearInterval(timer)
await client.close()
turns.sort((a, b) => a - b)
console.log(JSON.stringify({ ends, p99: turns[Math.floor(turns.length * 0.99)], max: turns.at(-1) }))
