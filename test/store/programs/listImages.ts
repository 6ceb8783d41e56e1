/** Says what the store at each ROOT knows, a line of JSON each, and cleans up: `listImages.ts ROOT…`. */
import * as Effect from "effect/Effect"
import type { PullEvent } from "../../../src/api/events.ts"
import { imageOf, open } from "../fixtures.ts"

const said = Effect.fnUntraced(function* (root: string) {
  const warnings: Array<string> = []
  const emit = (event: PullEvent) => void (event._tag === "Warning" && warnings.push(event.code))
  const store = yield* open({ root, emit })
  const references = (yield* store.catalogue.images()).map(({ reference }) => reference)
  yield* store.catalogue.record(imageOf({ reference: "example.org/next:1", version: "next", layers: [] }))
  yield* store.upkeep.prune()
  process.stdout.write(`${JSON.stringify({ references, warnings })}\n`)
}, Effect.scoped)

for (const root of process.argv.slice(2)) await Effect.runPromise(said(root))
