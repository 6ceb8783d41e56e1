/** What queries found, as long as the catalogue's file stays the same: a pull from the store asks the same again and again. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Results by key. `undefined` in a transaction, whose rows may change at each statement. */
export const Remembered = Context.Reference<Map<string, unknown> | undefined>("ociflow/store/Remembered", {
  defaultValue: () => undefined
})

/** Results that are kept. */
const most = 64

/** `key`: all that the query depends on besides the rows. Its result is shared, so nobody may change it. */
export const remembered =
  (key: string) =>
  <A, E, R>(query: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Remembered, (results) => {
      if (results === undefined) return query
      if (results.has(key)) return Effect.succeed(results.get(key) as A)
      return Effect.tap(query, (result) =>
        Effect.sync(() => {
          if (results.size >= most) results.clear()
          results.set(key, result)
        })
      )
    })
