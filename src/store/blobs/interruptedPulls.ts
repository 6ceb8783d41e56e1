/** What earlier programs began to pull and did not finish, with the bytes that are kept of it. */
import * as Effect from "effect/Effect"
import { isDigest } from "../../image/reference/Digest.ts"
import { Trees } from "../trees/Trees.ts"
import { Blobs } from "./Blobs.ts"
import { pullId, type UnfinishedPull, UnfinishedPulls } from "./UnfinishedPulls.ts"

const measure = Effect.fnUntraced(function* ({ reference, platform, layers }: UnfinishedPull) {
  const { hasLayer } = yield* Trees
  const partials = yield* (yield* Blobs).partialsOf(layers.map(({ digest }) => digest))
  const partial = new Map(partials.map(({ digest, bytes }) => [digest, bytes]))
  let [total, received] = [0, 0]
  for (const { digest, size } of layers) {
    const isThere = isDigest(digest) && (yield* hasLayer(digest))
    total += size
    received += isThere ? size : Math.min(size, partial.get(digest) ?? 0)
  }
  return { id: pullId({ reference, platform }), reference, platform, total, received }
})

export const interruptedPulls = Effect.flatMap(UnfinishedPulls, ({ list }) =>
  Effect.flatMap(list, (pulls) => Effect.forEach(pulls, measure))
)
