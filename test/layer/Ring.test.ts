import * as fc from "fast-check"
import { Subject } from "rxjs"
import { describe, expect, test } from "vitest"
import { Cancelled, feed, makeRingMemory, RingReader, RingWriter } from "../../src/layer/Ring.ts"
import { Gate } from "../../src/reactive/Gate.ts"

const capacity = 64

const make = () => {
  const memory = makeRingMemory(capacity)
  let drained = 0
  const reader = new RingReader(memory, () => drained++)
  return { writer: new RingWriter(memory), reader, drained: () => drained }
}

describe("Ring", () => {
  test("gives back what it took, in order, whatever the sizes", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.uint8Array({ maxLength: 150 }), fc.integer({ min: 1, max: 100 }))), (steps) => {
        const { writer, reader } = make()
        const written: Array<number> = []
        const read: Array<number> = []
        for (const [chunk, limit] of steps) {
          const taken = writer.tryWrite(chunk)
          expect(taken).toBe(Math.min(chunk.length, capacity - (written.length - read.length)))
          written.push(...chunk.subarray(0, taken))
          if (written.length === read.length) continue
          const view = reader.read(limit)
          read.push(...(view ?? []))
          reader.release(view?.length ?? 0)
        }
        expect(read).toEqual(written.slice(0, read.length))
      })
    )
  })

  test("a view is the ring's own memory, and its bytes are not overwritten before they are released", () => {
    const { writer, reader } = make()
    writer.tryWrite(new Uint8Array(capacity).fill(1))
    const view = reader.read(10)
    expect(view?.buffer).toBeInstanceOf(SharedArrayBuffer)
    expect(writer.tryWrite(Uint8Array.of(2))).toBe(0)
    expect(view).toEqual(new Uint8Array(10).fill(1))
    reader.release(10)
    expect(writer.tryWrite(Uint8Array.of(2))).toBe(1)
  })

  test("the end comes after the last byte", () => {
    const { writer, reader } = make()
    writer.tryWrite(Uint8Array.of(1, 2))
    writer.end()
    expect(reader.read(9)).toEqual(Uint8Array.of(1, 2))
    reader.release(2)
    expect(reader.read(9)).toBeUndefined()
  })

  test("a cancel comes before everything that is left", () => {
    const { writer, reader } = make()
    writer.tryWrite(Uint8Array.of(1, 2))
    writer.end()
    writer.cancel()
    expect(() => reader.read(9)).toThrow(Cancelled)
    expect(() => reader.awaitCredit(1000, 10)).toThrow(Cancelled)
  })

  test("a writer that waits is told once, when half of the ring is free", () => {
    const { writer, reader, drained } = make()
    writer.tryWrite(new Uint8Array(capacity + 1))
    for (const [length, told] of [
      [31, 0],
      [1, 1],
      [8, 1]
    ] as const) {
      reader.read(length)
      reader.release(length)
      expect(drained()).toBe(told)
    }
  })

  test("a writer that does not wait is not told", () => {
    const { writer, reader, drained } = make()
    writer.tryWrite(new Uint8Array(capacity))
    reader.read(capacity)
    reader.release(capacity)
    expect(drained()).toBe(0)
  })

  test("is new after a reset", () => {
    const { writer, reader } = make()
    writer.tryWrite(new Uint8Array(50))
    writer.cancel()
    writer.reset()
    expect(writer.tryWrite(Uint8Array.of(7))).toBe(1)
    expect(reader.read(9)).toEqual(Uint8Array.of(7))
  })
})

describe("feed", () => {
  test("shuts the gate while the ring is full, loses nothing and ends after the last byte", () => {
    const { writer, reader } = make()
    const gate = new Gate()
    const source = new Subject<Uint8Array>()
    let received = 0
    const { drained } = feed(source, writer, gate, {
      received: (bytes) => {
        received += bytes
      },
      error: () => {}
    })
    source.next(new Uint8Array(60).fill(1))
    expect(gate.isOpen).toBe(true)
    source.next(new Uint8Array(100).fill(2))
    expect(gate.isOpen).toBe(false)
    // A source that emits all the same: a socket's last chunk.
    source.next(Uint8Array.of(3))
    source.complete()
    const read: Array<number> = []
    for (let view = reader.read(capacity); view !== undefined; view = reader.read(capacity)) {
      read.push(...view)
      reader.release(view.length)
      drained()
    }
    expect(read).toEqual([...new Array(60).fill(1), ...new Array(100).fill(2), 3])
    expect(received).toBe(161)
  })

  test("opens the gate again when all that was kept fits", () => {
    const { writer, reader } = make()
    const gate = new Gate()
    const source = new Subject<Uint8Array>()
    const { drained } = feed(source, writer, gate, { received: () => {}, error: () => {} })
    source.next(new Uint8Array(capacity + 10))
    reader.read(capacity)
    reader.release(capacity)
    drained()
    expect(gate.isOpen).toBe(true)
  })
})
