/** What one of several pulls says: an event, its failure, or its end. Its failure does not end the others. */
import { dematerialize, map, materialize, type ObservableNotification, type OperatorFunction } from "rxjs"
import type { PullEvent } from "../../api/events.ts"

export interface PullNotification {
  /** The reference as it was given. */
  readonly reference: string
  readonly said: ObservableNotification<PullEvent>
}

export const notificationsOf =
  (reference: string): OperatorFunction<PullEvent, PullNotification> =>
  (events) =>
    events.pipe(
      materialize(),
      map((said) => ({ reference, said }))
    )

/** The events of one pull, and its failure, again. */
export const eventsOf: OperatorFunction<PullNotification, PullEvent> = (notifications) =>
  notifications.pipe(
    map(({ said }) => said),
    dematerialize()
  )
