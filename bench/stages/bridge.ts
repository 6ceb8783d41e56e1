import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { lastValueFrom, of, range } from "rxjs"
import { drain, makeLift } from "../../src/reactive/bridge.ts"
import type { Bench } from "../Bench.ts"
import { micro } from "../measure/micro.ts"

export const question = "What does a crossing between Effect and RxJS cost?"

const crossings = 1_000
const values = 100_000
const isNever = (_: unknown): _ is never => false

export const run = async (bench: Bench) => {
  const scope = await Effect.runPromise(Scope.make())
  const lift = await Effect.runPromise(Scope.provide(makeLift(), scope))
  const one = Effect.succeed(1)
  const figures = await micro(bench, [
    {
      what: "Effect → Observable → promise",
      amount: crossings,
      unit: "/s",
      run: async () => {
        for (let i = 0; i < crossings; i++) await lastValueFrom(lift(one))
      }
    },
    {
      what: "Observable → Effect",
      amount: crossings,
      unit: "/s",
      run: () =>
        Effect.runPromise(
          Effect.forEach(Array.from({ length: crossings }), () => drain(isNever)(of(1)), { discard: true })
        )
    },
    {
      what: "values through drain",
      amount: values,
      unit: "/s",
      run: () => Effect.runPromise(drain(isNever)(range(0, values)))
    },
    {
      what: "Effect to promise, for comparison",
      amount: crossings,
      unit: "/s",
      run: async () => {
        for (let i = 0; i < crossings; i++) await Effect.runPromise(one)
      }
    }
  ])
  await Effect.runPromise(Scope.close(scope, Exit.void))
  return figures
}
