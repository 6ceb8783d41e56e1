/** Holds the digests that it is given, says so, and goes on holding them: `holdDigests.ts ROOT DIGEST…`. */
import * as Effect from "effect/Effect"
import { Locks } from "../../../src/store/locks/Locks.ts"
import { storeLayer } from "../../../src/store/Store.ts"

const [root = "", ...digests] = process.argv.slice(2)
await Effect.runPromise(
  Effect.gen(function* () {
    const { hold } = yield* Locks
    yield* hold(digests)
    process.stdout.write("held\n")
    setInterval(() => {}, 1000)
    yield* Effect.never
  }).pipe(Effect.scoped, Effect.provide(storeLayer({ root })))
)
