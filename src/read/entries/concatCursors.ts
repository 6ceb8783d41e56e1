import type { EntryCursor } from "../../layer/EntryCursor.ts"

/** One cursor after the other; each is made when the one before has come to its end. */
export const concatCursors = <A>(makers: Iterable<() => EntryCursor<A>>): EntryCursor<A> => {
  const rest = makers[Symbol.iterator]()
  let current: EntryCursor<A> | undefined
  let isClosed = false
  const advance = (): boolean => {
    const made = rest.next()
    current = made.done === true || isClosed ? undefined : made.value()
    return current !== undefined
  }
  return {
    next: async () => {
      if (current === undefined && !advance()) return undefined
      for (;;) {
        const value = await current?.next()
        if (value !== undefined || !advance()) return value
      }
    },
    close: () => {
      isClosed = true
      current?.close()
    }
  }
}

/** What `change` makes of each. */
export const mapCursor = <A, B>(cursor: EntryCursor<A>, change: (value: A) => B): EntryCursor<B> => ({
  next: () => cursor.next().then((value) => (value === undefined ? undefined : change(value))),
  close: cursor.close
})
