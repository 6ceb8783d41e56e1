/** Where the steps of a pull put its events. Each pull has a listener of its own; without one nobody listens. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Emit, PullEvent } from "../../api/events.ts"

/** The listener of the pull that a step belongs to, for what calls it from outside Effect: operators, callbacks. */
export const PullEvents = Context.Reference<Emit>("ociflow/pull/PullEvents", { defaultValue: () => () => {} })

/** Emits an event of the pull that a step belongs to. */
export const emit = (event: PullEvent): Effect.Effect<void> => Effect.map(PullEvents, (emit) => emit(event))
