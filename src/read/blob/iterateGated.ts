/** A sequence for `for await`: a value is asked of the source when it is asked for here. */
import type { Observable, Subscription } from "rxjs"
import { Gate } from "../../reactive/Gate.ts"
import { done, serialIterator } from "../serialIterator.ts"

export interface GatedSource<A> {
  /** Subscribed to at the first `next`. It gives nothing while the gate is closed. */
  readonly open: (gate: Gate) => Observable<A>
  /** Resolves when all cancelled subscriptions have closed what they had open. */
  readonly settled: () => Promise<void>
}

interface Waiting<A> {
  readonly resolve: (result: IteratorResult<A, undefined>) => void
  readonly reject: (error: unknown) => void
}

/** What the source gave beyond what was asked for: one value, of a source that keeps to its gate. */
const iterate = <A>({ open, settled }: GatedSource<A>): AsyncIterator<A, undefined> => {
  const gate = new Gate()
  const held: Array<A> = []
  let end: { readonly error?: unknown } | undefined
  let waiting: Waiting<A> | undefined
  let subscription: Subscription | undefined

  const settle = () => {
    if (waiting === undefined) return
    const { resolve, reject } = waiting
    const [value] = held
    if (held.length > 0) {
      held.shift()
      waiting = undefined
      resolve({ done: false, value: value as A })
    } else if (end !== undefined) {
      waiting = undefined
      if ("error" in end) reject(end.error)
      else resolve(done)
      end = {}
    }
  }
  const ask = () =>
    new Promise<IteratorResult<A, undefined>>((resolve, reject) => {
      waiting = { resolve, reject }
      settle()
      if (waiting === undefined) return
      gate.open()
      subscription ??= open(gate).subscribe({
        next: (value) => {
          gate.close()
          held.push(value)
          settle()
        },
        error: (error) => {
          end = { error }
          settle()
        },
        complete: () => {
          end = {}
          settle()
        }
      })
    })
  const close = async () => {
    end = {}
    held.length = 0
    subscription?.unsubscribe()
    settle()
    await settled()
  }
  return serialIterator<A>(ask, close)
}

/** Each iteration subscribes anew. */
export const iterateGated = <A>(source: GatedSource<A>): AsyncIterable<A> => ({
  [Symbol.asyncIterator]: () => iterate(source)
})
