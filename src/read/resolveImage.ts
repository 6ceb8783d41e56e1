/** An image at its source, for those who read it there: its documents, with the signatures that were asked for proven. */
import * as Effect from "effect/Effect"
import { PullEvents } from "../pull/events/PullEvents.ts"
import { ImageSources } from "../pull/ImageSources.ts"
import type { PullRequest } from "../pull/PullRequest.ts"
import { checkFound } from "../pull/verify/checkSignatures.ts"

export const resolveImage = Effect.fnUntraced(function* ({
  origin,
  platform
}: Pick<PullRequest, "origin" | "platform">) {
  const source = yield* (yield* ImageSources).open(origin)
  const image = yield* source.resolve(platform, yield* PullEvents)
  yield* checkFound(origin, image)
  return { source, image }
})
