// A pull beside one that stalls, plain JavaScript so that no loader is measured with it. One JSON argument in, the pull's
// milliseconds out: { tree, root, reference, options, before?, bytes? }. `before` is pulled first, to its end or to so many `bytes` of each layer.
import { performance } from "node:perf_hooks"
import { setTimeout as sleep } from "node:timers/promises"
import { pathToFileURL } from "node:url"

const { tree, root, reference, options, before, bytes } = JSON.parse(process.argv[2])
const { open } = await import(pathToFileURL(`${tree}/dist/index.js`).href)
const client = await open({ root, credentials: {}, ...options })
const stop = new AbortController()
if (before !== undefined) {
  const received = new Map()
  const onEvent = (event) => {
    if (event._tag === "Resolved") for (const { digest } of event.layers) received.set(digest, 0)
    if (event._tag === "LayerProgress") received.set(event.digest, event.received)
  }
  const pulling = client.pull(before, { signal: stop.signal, onEvent })
  if (bytes === undefined) await pulling
  else {
    pulling.catch(() => {})
    while (received.size === 0 || [...received.values()].some((it) => it < bytes)) await sleep(20)
  }
  // As long as a user would take to ask for another image.
  await sleep(1000)
}
const began = performance.now()
await client.pull(reference)
console.log(performance.now() - began)
stop.abort()
await client.close()
