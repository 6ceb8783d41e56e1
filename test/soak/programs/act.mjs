// Acts one after the other, each with a client of its own: one JSON argument, { root, layout, first, acts }. A line of JSON
// when one begins, and one when it is done, with how it ended.
import { lstatSync } from "node:fs"
import { setTimeout as wait } from "node:timers/promises"
import { open } from "../../../dist/index.js"

const { root, layout, first, acts } = JSON.parse(process.argv[2])
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)

/** The trees stay as they are, the very same directories, as long as they are held. */
const watch = async (image, millis) => {
  const paths = image.rootfs === undefined ? [...new Set(image.layers.map(({ path }) => path))] : [image.rootfs]
  const inodes = () => paths.map((path) => lstatSync(path, { throwIfNoEntry: false })?.ino ?? "missing").join()
  const before = inodes()
  for (const end = performance.now() + millis; ; await wait(3)) {
    const now = inodes()
    if (now !== before || now.includes("missing")) return `held trees were ${before} and are ${now}`
    if (performance.now() > end) return undefined
  }
}

const run = async (act) => {
  const { layout: form, ownership } = act.form ?? {}
  const options = { root, credentials: {}, retry: { base: 2, cap: 10, times: 6 }, workers: 1 }
  const made = act.form === undefined ? {} : { layout: form, ownership }
  const client = await open({ ...options, ...made, ...(act.keepBlobs ? { keepBlobs: layout } : {}) })
  try {
    switch (act.do) {
      case "pull": {
        const signal = act.abort === undefined ? {} : { signal: AbortSignal.timeout(act.abort) }
        const { digest } = await client.pull(act.name, { policy: act.policy, platform: "linux/amd64", ...signal })
        return { digest }
      }
      case "remove":
        return { failed: (await client.remove(act.name)).failed }
      case "prune":
        return { failed: (await client.prune(act.how)).failed }
      case "verify": {
        const { faults, unknown } = await client.verify({ repair: act.repair })
        return { faults, unknown }
      }
      case "hold": {
        await client.pull(act.name, { platform: "linux/amd64" })
        // The client releases it.
        const { image } = await client.hold(act.name, { platform: "linux/amd64" })
        const violated = await watch(image, act.millis)
        return violated === undefined ? {} : { violated }
      }
      case "images":
        return { images: (await client.images()).length }
      case "usage":
        return { bytes: (await client.usage()).catalogue }
    }
  } finally {
    await client.close()
  }
}

for (const [index, act] of acts.entries()) {
  const at = first + index
  say({ at, begun: true })
  try {
    say({ at, ...(await run(act)) })
  } catch (error) {
    const aborted = error?.name === "TimeoutError"
    say({ at, ...(aborted ? { aborted } : { error: error?.reason?._tag ?? String(error), message: error?.message }) })
  }
}
