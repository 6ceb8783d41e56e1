/** `it.effect`: a test that is an Effect, under `TestClock` and a scope of its own; `it.live`: under the real clock. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { type TestContext, test } from "vitest"
import { times } from "./runs.ts"

const usual = 20_000 * times

type Body = (context: TestContext) => Effect.Effect<unknown, unknown, Scope.Scope>

const run = async <A, E>(effect: Effect.Effect<A, E>, signal: AbortSignal): Promise<A> => {
  const exit = await Effect.runPromiseExit(effect, { signal })
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.prettyErrors(exit.cause)[0]
}

export const it = {
  effect: (name: string, body: Body, timeout = usual) =>
    test(name, { timeout }, (context) =>
      run(Effect.suspend(() => body(context)).pipe(Effect.scoped, Effect.provide(TestClock.layer())), context.signal)
    ),
  live: (name: string, body: Body, timeout = usual) =>
    test(name, { timeout }, (context) => run(Effect.suspend(() => body(context)).pipe(Effect.scoped), context.signal))
}
