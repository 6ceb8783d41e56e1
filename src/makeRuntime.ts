/** Runs a service's Effects as promises: what a client is made of. */
import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { LogToStderr } from "effect/References"
import type { Watching } from "./api/config.ts"
import { PullError } from "./api/errors.ts"
import { LogWarnings } from "./api/sanitizeEvents.ts"
import { calledAt, callSite } from "./api/taggedError.ts"
import { errorOf } from "./reactive/bridge.ts"

export interface Runtime<R> {
  /**
   * Rejects with a `PullError`; with the signal's reason where it was aborted; with an `AbortError` where the runtime
   * was closed.
   */
  readonly run: <A, E>(effect: Effect.Effect<A, E, R>, watching?: Watching) => Promise<A>
  /** Interrupts what is under way, after `before`, and resolves when all that it had opened is closed. Nothing more can be run. */
  readonly close: (before?: () => Promise<unknown>) => Promise<void>
}

export const makeRuntime = <R>(layer: Layer.Layer<R, PullError>): Runtime<R> => {
  // Warnings are events here, and a promise without a listener says nothing.
  const logging = Layer.mergeAll(Layer.succeed(LogToStderr, true), Layer.succeed(LogWarnings, false))
  const runtime = ManagedRuntime.make(Layer.provideMerge(layer, logging))
  let closed = false
  const run = async <A, E>(effect: Effect.Effect<A, E, R>, watching?: Watching): Promise<A> => {
    // Before anything is awaited: then nobody's call would be on the stack any more.
    const site = callSite(run)
    // Whatever was given: what is not a signal is refused when the options are checked.
    const isAborted = () => watching?.signal?.aborted === true
    if (isAborted()) throw watching?.signal?.reason
    if (closed) throw new DOMException("the client was closed", "AbortError")
    const exit = await runtime.runPromiseExit(effect)
    if (Exit.isSuccess(exit)) return exit.value
    if (Cause.hasInterruptsOnly(exit.cause) && isAborted()) throw watching?.signal?.reason
    const error = errorOf(exit.cause)
    throw error instanceof PullError ? calledAt(error, site) : error
  }
  return {
    run,
    close: async (before) => {
      closed = true
      await before?.()
      await runtime.dispose()
    }
  }
}
