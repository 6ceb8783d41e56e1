/** Holds the digests that it is given, says so, and goes on holding them: `holdDigests.ts ROOT DIGEST…`. */
import * as Effect from "effect/Effect"
import { Store } from "../../../src/store/Store.ts"

const [root = "", ...digests] = process.argv.slice(2)
await Effect.runPromise(
  Effect.gen(function* () {
    const store = yield* Store
    yield* store.hold(digests)
    process.stdout.write("held\n")
    setInterval(() => {}, 1000)
    yield* Effect.never
  }).pipe(Effect.scoped, Effect.provide(Store.layer({ root })))
)
