// Reads one large file of an image, each piece for some milliseconds, in a process of its own, plain JavaScript so that no
// loader is measured with it. One JSON argument in, one JSON line out: { tree, root, small, large, way, pause } →
// { pieces, idle, most } in pieces and bytes of resident memory.
import { setTimeout as sleep } from "node:timers/promises"
import { pathToFileURL } from "node:url"

const { tree, root, small, large, way, pause } = JSON.parse(process.argv[2])
const { open, Gate, Puller } = await import(pathToFileURL(`${tree}/dist/index.js`).href)
const { concatMap, from, lastValueFrom, mergeMap, tap } = await import("rxjs")
const client = await open({ root, credentials: {} })

let pieces = 0
const work = async () => {
  pieces += 1
  await sleep(pause)
}
/** Keeps the thread, as a synchronous machine does. */
const keep = () => {
  pieces += 1
  const until = performance.now() + pause
  while (performance.now() < until);
}
const readAll = async (entry) => {
  for await (const _ of entry.body) await work()
}
const all = (sequence) => lastValueFrom(sequence, { defaultValue: undefined })

const ways = {
  "`entries$(…, project)`, `for await` over the body": (name) => all(client.entries$(name, {}, readAll)),
  "`entries$`, `mergeMap(2)`, `for await` over the body": (name) =>
    all(client.entries$(name).pipe(mergeMap(readAll, 2))),
  "`entries$`, `body$`, a synchronous observer": (name) =>
    all(
      client.entries$(name).pipe(
        concatMap((entry) => entry.body$),
        tap(keep)
      )
    ),
  "`entries$` and `body$` with a gate": (name) => {
    const gate = new Gate()
    return all(
      client.entries$(name, { gate }).pipe(
        concatMap((entry) => entry.body$),
        tap(gate.close),
        concatMap(() => from(work().then(gate.open)))
      )
    )
  },
  "`for await` over `entries` and the body": async (name) => {
    for await (const entry of client.entries(name)) await readAll(entry)
  },
  "the body as a `ReadableStream`": async (name) => {
    for await (const entry of client.entries(name))
      await ReadableStream.from(entry.body).pipeTo(new WritableStream({ write: work }))
  },
  "an Effect `Stream`": async (name) => {
    const Effect = await import("effect/Effect")
    const Stream = await import("effect/Stream")
    const { entries } = await import(pathToFileURL(`${tree}/dist/streams.js`).href)
    const reading = entries(name).pipe(Stream.runForEach((entry) => Effect.promise(() => readAll(entry))))
    await Effect.runPromise(Effect.provide(reading, Puller.layer({ root, credentials: {} })))
  },
  // What no observable can see: an observer that is not done when its `next` returns.
  "`entries$` and `body$`, an asynchronous `concatMap` and no gate": (name) =>
    all(client.entries$(name).pipe(concatMap((entry) => entry.body$.pipe(concatMap(work)))))
}

if (way === undefined) console.log(JSON.stringify(Object.keys(ways)))
else {
  // An idle client: all that a reader needs is loaded, and its worker is warm.
  for await (const entry of client.entries(small)) await entry.bytes()
  pieces = 0
  const idle = process.memoryUsage().rss
  let most = idle
  const look = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss)
  }, 20)
  await ways[way](large)
  clearInterval(look)
  console.log(JSON.stringify({ pieces, idle, most: Math.max(most, process.memoryUsage().rss) }))
}
await client.close()
