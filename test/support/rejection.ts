/** What a promise rejects with; a promise that is fulfilled fails the test. */
import { expect } from "vitest"
import { PullError, type Reason } from "../../src/api/errors.ts"

// biome-ignore lint/suspicious/noExplicitAny: a rejection has no type.
export const rejection = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => expect.unreachable("the promise was fulfilled"),
    (error: unknown) => error
  )

/** The reason of the `PullError` that a promise rejects with. */
export const reasonOf = async (promise: Promise<unknown>): Promise<Reason> => {
  const error = await rejection(promise)
  if (error instanceof PullError) return error.reason
  throw error
}
