/** Whether the consumer of a list wants more of it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Completes when the next page is wanted. By default it always is. */
export const Demand = Context.Reference<Effect.Effect<void>>("ociflow/registry/Demand", {
  defaultValue: () => Effect.void
})
