/** A blob of a reference's repository. The reference's own tag or digest is ignored. */
import * as Effect from "effect/Effect"
import type { Limits, LookOptions } from "../../api/config.ts"
import { PullEvents } from "../../pull/events/PullEvents.ts"
import { ImageSources } from "../../pull/ImageSources.ts"
import { makeLift } from "../../reactive/bridge.ts"
import type { Gate } from "../../reactive/Gate.ts"
import { originOf } from "../../source/Origin.ts"
import { checkBlob } from "./checkBlob.ts"
import { describeBlob, readBlob } from "./readBlob.ts"

/** Its bytes are read on subscription, which must come before the scope closes. */
export const blobOf = Effect.fnUntraced(function* (
  reference: string,
  digest: string,
  { input, gate }: LookOptions & { readonly gate: Gate },
  { blobBytes }: Pick<Limits, "blobBytes">
) {
  const emit = yield* PullEvents
  const origin = yield* originOf(reference, { input })
  const source = yield* (yield* ImageSources).open(origin)
  yield* checkBlob(source, origin, digest, emit)
  const blob = yield* describeBlob(source, digest, blobBytes, emit)
  return readBlob(source, blob, gate, yield* makeLift(), { emit, context: yield* Effect.context<never>() })
})
