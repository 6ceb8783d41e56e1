import { concat, defer, EMPTY, from, Observable, of, Subject, throwError, toArray } from "rxjs"
import { expect, test, vi } from "vitest"
import { throttleProgress } from "../../src/cli/progress/throttleProgress.ts"
import { limitBytes } from "../../src/reactive/limitBytes.ts"
import { operate } from "../../src/reactive/operate.ts"
import { skipBytes } from "../../src/reactive/skipBytes.ts"
import { transduce } from "../../src/reactive/transduce.ts"
import { done, progress } from "../cli/events.ts"

const notifications = <A>(source: Observable<A>) => {
  const seen: Array<unknown> = []
  source.subscribe({
    next: (value) => seen.push(value),
    error: (error: unknown) => seen.push(error),
    complete: () => seen.push("complete")
  })
  return seen
}
const broken = new Error("broken")
const doubled = (source: Observable<number>) =>
  new Observable<number>((destination) =>
    source.subscribe(operate<number>({ destination, next: (value) => destination.next(2 * value) }))
  )

test("what an operator does not handle is forwarded: the error, the completion", () => {
  expect(notifications(doubled(of(1, 2)))).toEqual([2, 4, "complete"])
  expect(
    notifications(
      doubled(
        concat(
          of(1),
          throwError(() => broken)
        )
      )
    )
  ).toEqual([2, broken])
  expect(notifications(doubled(EMPTY))).toEqual(["complete"])
})

test("what a handler throws is the error of the sequence: of a value, of the end", () => {
  const throwing = (at: "next" | "error" | "complete") => (source: Observable<number>) =>
    new Observable<number>((destination) => {
      const fail = () => {
        throw broken
      }
      return source.subscribe(operate<number>({ destination, next: (value) => destination.next(value), [at]: fail }))
    })
  expect(notifications(throwing("next")(of(1)))).toEqual([broken])
  expect(notifications(throwing("complete")(of(1)))).toEqual([1, broken])
  expect(notifications(throwing("error")(throwError(() => new Error("other"))))).toEqual([broken])
})

test("a machine that fails in its middle or at its end fails its sequence and is closed once", () => {
  for (const at of ["push", "end"] as const) {
    const close = vi.fn()
    const machine = { push: () => undefined, end: () => undefined, close }
    const fail = () => {
      throw broken
    }
    expect(notifications(of(1, 2).pipe(transduce(() => ({ ...machine, [at]: fail }))))).toEqual([broken])
    expect(close).toHaveBeenCalledTimes(1)
  }
})

const bytes = (...lengths: ReadonlyArray<number>) => from(lengths.map((length) => new Uint8Array(length)))
const lengths = (source: Observable<Uint8Array>) =>
  notifications(source).map((it) => (it instanceof Uint8Array ? it.length : it))

test("limitBytes passes the limit and fails at the first byte more", () => {
  const limited = limitBytes(10, () => broken)
  expect(lengths(bytes(4, 6).pipe(limited))).toEqual([4, 6, "complete"])
  expect(lengths(bytes(4, 7).pipe(limited))).toEqual([4, 6, broken])
  expect(lengths(bytes(10, 1).pipe(limited))).toEqual([10, broken])
  expect(lengths(bytes(4).pipe(limitBytes(0, () => broken)))).toEqual([broken])
})

test("skipBytes leaves out the first bytes, anew for each subscriber", () => {
  const source = bytes(4, 6).pipe(skipBytes(5))
  for (const _ of ["one", "another"]) expect(lengths(source)).toEqual([5, "complete"])
  expect(lengths(bytes(4, 6).pipe(skipBytes(4)))).toEqual([6, "complete"])
  expect(lengths(bytes(4, 6).pipe(skipBytes(11)))).toEqual(["complete"])
})

test("a cold sequence is sampled with one subscription", () => {
  let subscriptions = 0
  const events = defer(() => {
    subscriptions++
    return of(progress(6, 0.1, 0.1), done(6))
  })
  expect(notifications(events.pipe(throttleProgress(1000), toArray()))).toEqual([
    [progress(6, 0.1, 0.1), done(6)],
    "complete"
  ])
  expect(subscriptions).toBe(1)
})

test("a hot one too, and each later event is seen", () => {
  const events = new Subject<ReturnType<typeof done>>()
  const seen = notifications(events.pipe(throttleProgress(1000)))
  events.next(done(1))
  events.next(done(2))
  events.complete()
  expect(seen).toEqual([done(1), done(2), "complete"])
})
