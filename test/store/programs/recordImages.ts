/** Pulls images into a store, one after the other, and says each when it is recorded: `recordImages.ts ROOT NAME COUNT`. */
import * as Effect from "effect/Effect"
import { open, pullInto } from "../fixtures.ts"

const [root = "", name = "", count = "1"] = process.argv.slice(2)
await Effect.runPromise(
  Effect.gen(function* () {
    const store = yield* open({ root })
    for (let i = 0; i < Number(count); i++) {
      const reference = `example.org/${name}:${i}`
      yield* pullInto(store, { reference, layers: ["shared", `${name}-${i % 3}`], version: `${i}` })
      process.stdout.write(`${reference}\n`)
    }
  }).pipe(Effect.scoped)
)
