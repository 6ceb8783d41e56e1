/** Holds a digest so many times, and says how often nobody could have asked for it: `holdRepeatedly.ts ROOT TIMES [sockets]`. */
import { stat } from "node:fs/promises"
import { join } from "node:path"
import "./withoutFileLocks.ts"

const Effect = await import("effect/Effect")
const { holdDigests } = await import("../../../src/store/locks/Holds.ts")

const [root = "", times] = process.argv.slice(2)
const digest = "sha256:abc"
const exists = Effect.promise(() =>
  stat(join(root, "locks", "held", digest)).then(
    () => true,
    () => false
  )
)
let lost = 0
for (let at = 0; at < Number(times); at++) {
  const there = await Effect.runPromise(
    Effect.scoped(Effect.andThen(holdDigests(root, [digest]), Effect.andThen(Effect.sleep(1), exists)))
  )
  if (!there) lost += 1
}
process.stdout.write(`lost ${lost}\n`)
