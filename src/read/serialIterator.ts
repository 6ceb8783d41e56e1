/** An async iterator whose steps run one after the other, even if `next` is called several times at once. */

export const done = { done: true, value: undefined } as const

/** `step` is one `next`, and is not called before the last one has settled. `close` is `return`, which waits for no step. */
export const serialIterator = <A>(
  step: () => Promise<IteratorResult<A, undefined>>,
  close: () => Promise<void>
): AsyncIterator<A, undefined> => {
  let last: Promise<unknown> = Promise.resolve()
  return {
    next: () => {
      const asked = last.then(step, step)
      last = asked
      return asked
    },
    return: async () => {
      await close()
      return done
    }
  }
}
