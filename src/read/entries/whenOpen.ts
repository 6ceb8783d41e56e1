import { filter, Subscription, take } from "rxjs"
import type { Gate } from "../../reactive/Gate.ts"

/** Calls `then` once the gate is open: at once if it is open, or if there is no gate. */
export const whenOpen = (gate: Gate | undefined, then: () => void): Subscription => {
  if (gate !== undefined && !gate.isOpen) return gate.open$.pipe(filter(Boolean), take(1)).subscribe(then)
  then()
  return Subscription.EMPTY
}
