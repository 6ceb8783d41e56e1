/** Says what the store at each ROOT knows, a line of JSON each, and cleans up: `listImages.ts ROOT…`. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PullEvent } from "../../../src/api/events.ts"
import { Store } from "../../../src/store/Store.ts"
import { imageOf } from "../fixtures.ts"

const said = Effect.fnUntraced(function* (root: string) {
  const warnings: Array<string> = []
  const emit = (event: PullEvent) => void (event._tag === "Warning" && warnings.push(event.code))
  const store = Context.get(yield* Layer.build(Store.layer({ root, emit })), Store)
  const references = (yield* store.images()).map(({ reference }) => reference)
  yield* store.record(imageOf({ reference: "example.org/next:1", version: "next", layers: [] }))
  yield* store.prune()
  process.stdout.write(`${JSON.stringify({ references, warnings })}\n`)
}, Effect.scoped)

for (const root of process.argv.slice(2)) await Effect.runPromise(said(root))
