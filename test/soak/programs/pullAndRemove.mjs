// Pulls, removes and prunes until it is ended. One JSON argument: { root, references, options, seed }. Each step is told when
// it begins and when it is done, a line of JSON each.
import { open } from "../../../dist/index.js"

const { root, references, options, seed } = JSON.parse(process.argv[2])
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
let state = seed >>> 0
const random = () => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return state / 2 ** 32
}

const client = await open({ credentials: {}, ...options, root })
for (;;) {
  const reference = references[Math.floor(random() * references.length)]
  const step = random()
  const name = step < 0.75 ? "pull" : step < 0.95 ? "remove" : "prune"
  say({ step: name, reference, done: false })
  try {
    if (name === "pull") await client.pull(reference, { policy: random() < 0.3 ? "always" : "missing" })
    else if (name === "remove") await client.remove(reference)
    else await client.prune()
    say({ step: name, reference, done: true })
  } catch (error) {
    say({ step: name, reference, done: false, failed: error.reason?._tag ?? String(error), message: error.message })
  }
}
