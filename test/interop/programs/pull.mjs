// Pulls in a process of its own, from the built library. One JSON argument: { root, references, options?, times? }; each
// event but progress is one line of JSON, a failure is the last line.
import { open } from "../../../dist/index.js"

const { root, references, options = {}, pull = {}, removing = [], pruning = false } = JSON.parse(process.argv[2])
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
const client = await open({ credentials: {}, ...options, root })
try {
  // Another process may have removed it before.
  const gone = (error) => (error.reason?._tag === "NotCached" ? {} : Promise.reject(error))
  for (const reference of removing) say({ _tag: "Removed", ...(await client.remove(reference).catch(gone)) })
  if (pruning) say({ _tag: "Pruned", ...(await client.prune()) })
  const onEvent = (event) => event._tag === "LayerProgress" || say(event)
  await Promise.all(references.map((reference) => client.pull(reference, { ...pull, onEvent })))
} catch (error) {
  say({ _tag: "Failed", reason: error.reason?._tag ?? String(error), code: error.reason?.code, message: error.message })
  process.exitCode = 1
} finally {
  await client.close()
}
