/** What a promise rejects with, a `PullError` unless the caller expects another; one that is fulfilled fails the test. */
import { expect } from "vitest"
import { PullError, type Reason } from "../../src/api/errors.ts"

export const rejection = <E = PullError>(promise: Promise<unknown>): Promise<E> =>
  promise.then(
    () => expect.unreachable("the promise was fulfilled"),
    (error: E) => error
  )

/** The reason of the `PullError` that a promise rejects with. */
export const reasonOf = async (promise: Promise<unknown>): Promise<Reason> => {
  const error = await rejection(promise)
  if (error instanceof PullError) return error.reason
  throw error
}
