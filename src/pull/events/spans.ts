/** The spans of a pull: `ociflow.pull`, beneath it one `ociflow.layer` for each layer, beneath these `ociflow.request`. */
import * as Effect from "effect/Effect"
import type { Emit, PullResult } from "../../api/events.ts"
import { PullEvents } from "./PullEvents.ts"

/** Counts downloaded bytes, from the events that pass. */
const counting = (emit: Emit) => {
  let bytes = 0
  const received = new Map<string, number>()
  const arrived = (digest: string, to: number) => {
    const before = received.get(digest) ?? to
    if (to <= before) return
    bytes += to - before
    received.set(digest, to)
  }
  const sizes = new Map<string, number>()
  const counted: Emit = (event) => {
    if (event._tag === "LayerStarted") {
      received.set(event.digest, event.offset)
      sizes.set(event.digest, event.size)
    } else if (event._tag === "LayerProgress") arrived(event.digest, event.received)
    else if (event._tag === "LayerDone") arrived(event.digest, sizes.get(event.digest) ?? 0)
    emit(event)
  }
  return { counted, bytes: () => bytes }
}

/** A layer's span, with the bytes that `work` downloaded. */
export const inLayerSpan =
  ({ digest, size }: { readonly digest: string; readonly size: number }) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(PullEvents, (emit) => {
      const { counted, bytes } = counting(emit)
      return work.pipe(
        Effect.provideService(PullEvents, counted),
        Effect.ensuring(Effect.suspend(() => Effect.annotateCurrentSpan("ociflow.bytes", bytes()))),
        Effect.withSpan("ociflow.layer", { attributes: { "ociflow.digest": digest, "ociflow.size": size } })
      )
    })

/** Each caller's own span. Callers that share a download have a link to the span of the first, whose trace contains it. */
export const inPullSpan =
  (reference: string) =>
  <E, R>(work: Effect.Effect<PullResult, E, R>): Effect.Effect<PullResult, E, R> =>
    Effect.flatMap(PullEvents, (emit) => {
      const { counted, bytes } = counting(emit)
      return work.pipe(
        Effect.provideService(PullEvents, counted),
        Effect.tap(({ digest, platform, cached }) =>
          Effect.annotateCurrentSpan({
            "ociflow.digest": digest,
            "ociflow.platform": platform,
            "ociflow.cached": cached
          })
        ),
        Effect.ensuring(Effect.suspend(() => Effect.annotateCurrentSpan("ociflow.bytes", bytes()))),
        Effect.withSpan("ociflow.pull", { attributes: { "ociflow.reference": reference } })
      )
    })
