import * as fc from "fast-check"
import { concat, EMPTY, Observable, of, Subject, take } from "rxjs"
import { describe, expect, test } from "vitest"
import { Gate } from "../../../src/reactive/Gate.ts"
import { type Body, inOrder } from "../../../src/registry/blob/inOrder.ts"

const chunk = (...bytes: ReadonlyArray<number>) => Uint8Array.from(bytes)

/** Bodies that do what the test says; each tells whether it is subscribed and what its gate says. */
const controlled = (count: number) => {
  const parts = Array.from({ length: count }, () => {
    const bytes$ = new Subject<Uint8Array>()
    const state = { bytes$, subscribed: false, gate: undefined as Gate | undefined }
    const body: Body = (gate) =>
      new Observable((sink) => {
        state.subscribed = true
        state.gate = gate
        const subscription = bytes$.subscribe(sink)
        return () => {
          state.subscribed = false
          subscription.unsubscribe()
        }
      })
    return { state, body }
  })
  return { bodies: parts.map(({ body }) => body), states: parts.map(({ state }) => state) }
}

const run = (bodies: ReadonlyArray<Body>, atOnce: number, gate: Gate) => {
  const seen: Array<number> = []
  const ended: Array<unknown> = []
  const subscription = inOrder(bodies, atOnce, gate).subscribe({
    next: (bytes) => seen.push(...bytes),
    error: (error) => ended.push(error),
    complete: () => ended.push("complete")
  })
  return { seen, ended, subscription }
}

describe("bodies in order", () => {
  test("are handed on in their order, however they come; so many are subscribed at once and no more", () => {
    const { bodies, states } = controlled(4)
    const [a, b, c, d] = states
    const { seen, ended } = run(bodies, 2, new Gate())
    expect(states.map(({ subscribed }) => subscribed)).toEqual([true, true, false, false])
    b?.bytes$.next(chunk(3))
    b?.bytes$.complete()
    expect([seen, c?.subscribed]).toEqual([[], false])
    a?.bytes$.next(chunk(1, 2))
    expect(seen).toEqual([1, 2])
    a?.bytes$.complete()
    expect([seen, c?.subscribed, d?.subscribed]).toEqual([[1, 2, 3], true, true])
    d?.bytes$.next(chunk(5))
    c?.bytes$.next(chunk(4))
    for (const it of [c, d]) it?.bytes$.complete()
    expect([seen, ended]).toEqual([[1, 2, 3, 4, 5], ["complete"]])
  })

  test("do not flow while the gate is closed; only the first is made to wait", () => {
    const { bodies, states } = controlled(3)
    const [a, b] = states
    const gate = new Gate()
    const { seen } = run(bodies, 2, gate)
    gate.close()
    expect([a?.gate?.isOpen, b?.gate?.isOpen]).toEqual([false, true])
    a?.bytes$.next(chunk(1))
    a?.bytes$.complete()
    b?.bytes$.next(chunk(2))
    expect([seen, states[2]?.subscribed]).toEqual([[], false])
    gate.open()
    expect([seen, states[2]?.subscribed]).toEqual([[1, 2], true])
    expect(b?.gate?.isOpen).toBe(true)
  })

  test("go on where the gate opens again: the first, and the one that is first by then", () => {
    const { bodies, states } = controlled(2)
    const [a, b] = states
    const gate = new Gate()
    run(bodies, 2, gate)
    gate.close()
    gate.open()
    expect(a?.gate?.isOpen).toBe(true)
    a?.bytes$.complete()
    gate.close()
    expect(b?.gate?.isOpen).toBe(false)
    gate.open()
    expect(b?.gate?.isOpen).toBe(true)
  })

  test("are handed on one by one, also where the gate closes and opens while one is", () => {
    const { bodies, states } = controlled(2)
    const gate = new Gate()
    const seen: Array<string> = []
    inOrder(bodies, 2, gate).subscribe(([first = 0]) => {
      seen.push(`begin ${first}`)
      gate.close()
      gate.open()
      seen.push(`end ${first}`)
    })
    const [a, b] = states
    // Small ones would become one piece.
    b?.bytes$.next(new Uint8Array(5000).fill(2))
    b?.bytes$.next(new Uint8Array(5000).fill(3))
    b?.bytes$.complete()
    a?.bytes$.next(chunk(1))
    a?.bytes$.complete()
    expect(seen).toEqual([1, 2, 3].flatMap((it) => [`begin ${it}`, `end ${it}`]))
  })

  test("without end are made as they are due", () => {
    let made = 0
    const bodies = function* (): Generator<Body> {
      for (;;) {
        const byte = made++ % 256
        yield () => of(chunk(byte))
      }
    }
    const gate = new Gate()
    const seen: Array<number> = []
    const subscription = inOrder(bodies(), 3, gate).subscribe((bytes) => {
      seen.push(...bytes)
      if (seen.length === 100) gate.close()
    })
    expect([seen.length, made <= 103]).toEqual([100, true])
    subscription.unsubscribe()
  })

  test("in pieces of a byte are held by their bytes while they wait", () => {
    const { bodies, states } = controlled(2)
    const [a, b] = states
    const pieces: Array<Uint8Array> = []
    inOrder(bodies, 2, new Gate()).subscribe((bytes) => pieces.push(bytes))
    for (let at = 0; at < 100_000; at++) b?.bytes$.next(chunk(at % 251))
    a?.bytes$.complete()
    expect(pieces.length).toBeLessThan(10)
    expect(Buffer.concat(pieces).equals(Buffer.from(Uint8Array.from({ length: 100_000 }, (_, at) => at % 251)))).toBe(
      true
    )
  })

  test("stop at a gate that closes on the way", () => {
    const { bodies, states } = controlled(2)
    const gate = new Gate()
    const seen: Array<number> = []
    inOrder(bodies, 2, gate).subscribe(([first = 0]) => {
      seen.push(first)
      gate.close()
    })
    const [a, b] = states
    // Small ones would become one piece.
    b?.bytes$.next(new Uint8Array(5000).fill(2))
    b?.bytes$.next(new Uint8Array(5000).fill(3))
    a?.bytes$.next(chunk(1))
    a?.bytes$.complete()
    expect(seen).toEqual([1])
    gate.open()
    expect(seen).toEqual([1, 2])
  })

  test("all end with the first error, and with the subscription", () => {
    const one = controlled(3)
    const failed = run(one.bodies, 3, new Gate())
    one.states[1]?.bytes$.error("broken")
    expect([failed.ended, one.states.some(({ subscribed }) => subscribed)]).toEqual([["broken"], false])
    const two = controlled(3)
    const { subscription, ended } = run(two.bodies, 3, new Gate())
    subscription.unsubscribe()
    expect([ended, two.states.some(({ subscribed }) => subscribed)]).toEqual([[], false])
  })

  test("are let go of by a subscriber that leaves with the first piece, which comes at once; none is made behind it", () => {
    const { bodies, states } = controlled(2)
    const seen: Array<number> = []
    const atOnce: Body = (gate) => concat(of(chunk(1), chunk(2)), bodies[0]?.(gate) ?? EMPTY)
    inOrder([atOnce, ...bodies.slice(1)], 2, new Gate())
      .pipe(take(1))
      .subscribe((bytes) => seen.push(...bytes))
    expect(seen).toEqual([1])
    expect(states.map(({ subscribed }) => subscribed)).toEqual([false, false])
  })

  test("give every byte once, whatever the pieces, the order of arrival and the gate", () => {
    const script = fc.array(fc.record({ body: fc.nat(4), bytes: fc.nat(3), gate: fc.boolean(), over: fc.boolean() }), {
      maxLength: 60
    })
    fc.assert(
      fc.property(script, fc.integer({ min: 1, max: 5 }), (steps, atOnce) => {
        const { bodies, states } = controlled(5)
        const gate = new Gate()
        const { seen, ended } = run(bodies, atOnce, gate)
        const sent = states.map((): Array<number> => [])
        const over = new Set<number>()
        let byte = 0
        for (const step of steps) {
          if (step.gate) gate.open()
          else gate.close()
          const [state, mine] = [states[step.body], sent[step.body]]
          if (state?.subscribed !== true || mine === undefined) continue
          const bytes = Array.from({ length: step.bytes }, () => byte++ % 256)
          mine.push(...bytes)
          state.bytes$.next(chunk(...bytes))
          if (!step.over) continue
          over.add(step.body)
          state.bytes$.complete()
        }
        gate.open()
        for (const [at, { bytes$ }] of states.entries()) if (!over.has(at)) bytes$.complete()
        expect(seen).toEqual(sent.flat())
        expect(ended).toEqual(["complete"])
      })
    )
  })
})
