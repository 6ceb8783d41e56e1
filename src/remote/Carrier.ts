/** What carries calls and updates to the side that pulls. */
import type { Observable } from "rxjs"
import type { ErrorView } from "../progress/PullView.ts"
import type { Answer, Call, Update } from "../pulls/Protocol.ts"

export interface Carrier {
  readonly call: (call: Call) => Promise<Answer>
  /** Watches as long as it is subscribed to. Begins with a list; what fails it can be tried again, unless it is a refusal. */
  readonly updates$: Observable<Update>
}

/** The other side refused: it is no use to ask again. As a `PullError` is, it is an error with data. */
export class RefusedError extends Error {
  override readonly name = "RefusedError"
  readonly advice: string | undefined
  readonly isRetryable: boolean
  readonly reason: ErrorView["reason"]
  constructor({ message, advice, isRetryable = false, reason }: ErrorView) {
    super(message)
    this.advice = advice
    this.isRetryable = isRetryable
    this.reason = reason
  }
}
