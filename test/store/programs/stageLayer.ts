/** Stages a layer, says where, and keeps at it: `stageLayer.ts ROOT`. */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { open } from "../fixtures.ts"

const [root = ""] = process.argv.slice(2)
await Effect.runPromise(
  Effect.gen(function* () {
    const store = yield* open({ root })
    const path = yield* store.staging.stage
    yield* Effect.promise(() => writeFile(join(path, "half"), "half"))
    process.stdout.write(`${path}\nstaged\n`)
    setInterval(() => {}, 1000)
    yield* Effect.never
  }).pipe(Effect.scoped)
)
