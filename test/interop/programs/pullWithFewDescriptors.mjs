// Pulls where hardly a file may be opened any more. One JSON argument: { root, references, spare, cold }: the first reference
// is pulled while there is room, so that all code is loaded, unless it is to be `cold`; then all descriptors but `spare` are taken, and the second one
// is pulled; then all are given back, and it is pulled again. Says how each ended, a line of JSON each.
import { closeSync, openSync } from "node:fs"
import { open } from "../../../dist/index.js"

const { root, references, spare, cold = false } = JSON.parse(process.argv[2])
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
const client = await open({ root, credentials: {}, retry: { times: 0 } })
const pull = async (reference) => {
  try {
    await client.pull(reference)
    say({ _tag: "Pulled" })
  } catch (error) {
    say({
      _tag: "Failed",
      reason: error.reason?._tag ?? String(error),
      code: error.reason?.code,
      message: error.message
    })
  }
}
if (!cold) await pull(references[0])
const taken = []
try {
  for (;;) taken.push(openSync("/dev/null"))
} catch {}
for (const fd of taken.splice(0, spare)) closeSync(fd)
await pull(references[1])
for (const fd of taken) closeSync(fd)
await pull(references[1])
await client.close()
