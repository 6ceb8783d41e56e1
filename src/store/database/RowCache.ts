/** What queries found, as long as the catalogue's file stays the same: a pull from the store asks the same again and again. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Results by key. `undefined` in a transaction, whose rows may change at each statement. */
export const RowCache = Context.Reference<Map<string, unknown> | undefined>("ociflow/store/RowCache", {
  defaultValue: () => undefined
})

/** Results that are kept: those that were asked for last. */
const most = 64

/**
 * `key`: all that the query depends on besides the rows. Its result is shared, so nobody may change it. `undefined`, which is
 * nothing found, is not kept.
 */
export const cacheRows =
  (key: string) =>
  <A, E, R>(query: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(RowCache, (results) => {
      if (results === undefined) return query
      /** The first key of a map is the one that was put there longest ago. */
      const keep = (result: unknown): void => {
        if (result === undefined) return
        results.delete(key)
        results.set(key, result)
        const [oldest] = results.keys()
        if (results.size > most && oldest !== undefined) results.delete(oldest)
      }
      const known = results.get(key)
      const found = known === undefined ? query : Effect.succeed(known as A)
      return Effect.tap(found, (result) => Effect.sync(() => keep(result)))
    })
