/** Asks which images are held, again and again, as `prune` does: `queryHolds.ts ROOT [sockets]`. */
import "./withoutFileLocks.ts"

const Effect = await import("effect/Effect")
const { heldDigests } = await import("../../../src/store/locks/Holds.ts")

const [root = ""] = process.argv.slice(2)
process.stdout.write("asking\n")
await Effect.runPromise(Effect.forever(heldDigests(root)))
