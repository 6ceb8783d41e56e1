/** The listener that the steps of a pull send their events to. Each pull has its own; by default nobody listens. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Emit, PullEvent } from "../../api/events.ts"

/** The current pull's listener, for code that emits outside of Effect: operators, callbacks. */
export const PullEvents = Context.Reference<Emit>("ociflow/pull/PullEvents", { defaultValue: () => () => {} })

/** Emits an event to the current pull's listener. */
export const emit = (event: PullEvent): Effect.Effect<void> => Effect.map(PullEvents, (emit) => emit(event))
