/** A body in pieces of a byte costs what its bytes cost, and no piece waits for another. */
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import * as Effect from "effect/Effect"
import { lastValueFrom, type Observable, reduce } from "rxjs"
import { describe, expect } from "vitest"
import { defaultTimeouts } from "../../../src/api/config.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import { endpointOf } from "../../../src/registry/address/Endpoint.ts"
import { makeTransport } from "../../../src/registry/connection/Transport.ts"
import { collectBody } from "../../../src/registry/http/collectBody.ts"
import { it } from "../../support/effect.ts"
import { type RawServed, serveRaw } from "../rawServer.ts"

const head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
const chunked = (bytes: Uint8Array, size: number, extension = "") => {
  const parts: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size)
    parts.push(Buffer.from(`${part.length.toString(16)}${extension}\r\n`), part, Buffer.from("\r\n"))
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")])
}
const body = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, at) => at % 251))

/** Where undici tells of each chunk of a body. */
const chunkReceived = "undici:request:bodyChunkReceived"

const lengthOf = (body$: Observable<Uint8Array>) =>
  lastValueFrom(body$.pipe(reduce((sum, { length }) => sum + length, 0)))

const asking = Effect.fnUntraced(function* (served: RawServed) {
  const { send } = yield* makeTransport({ timeouts: defaultTimeouts })
  return yield* send(endpointOf(served.host, true), { method: "GET", url: new URL(served.origin), headers: {} })
})

describe("a body in small chunks", () => {
  for (const size of [1, 2, 17, 1000, 4095])
    it.live(`of ${size} bytes arrives whole, in pieces that are few`, () =>
      Effect.gen(function* () {
        const served = yield* serveRaw((_, socket) =>
          socket.write(Buffer.concat([Buffer.from(head), chunked(body, size)]))
        )
        const answer = yield* asking(served)
        const pieces: Array<Uint8Array> = []
        const body$ = answer.body$(new Gate())
        yield* Effect.promise(
          () =>
            new Promise<void>((resolve, reject) =>
              body$.subscribe({ next: (piece) => pieces.push(piece), error: reject, complete: resolve })
            )
        )
        expect(Buffer.concat(pieces).equals(body)).toBe(true)
        // Not fewer than reads of the socket; far fewer than chunks.
        expect(pieces.length).toBeLessThan(Math.max(200, (3 * body.length) / 4096))
      })
    )

  it.live("is a document in one buffer", () =>
    Effect.gen(function* () {
      const served = yield* serveRaw((_, socket) => socket.write(Buffer.concat([Buffer.from(head), chunked(body, 1)])))
      const bytes = yield* collectBody(yield* asking(served), body.length)
      expect(Buffer.from(bytes).equals(body)).toBe(true)
      expect(bytes.buffer.byteLength).toBeLessThanOrEqual(2 * body.length)
    })
  )

  it.live("is not held back: each byte is handed on before the next is sent", () =>
    Effect.gen(function* () {
      let more = (): void => undefined
      const served = yield* serveRaw((_, socket) => {
        let sent = 0
        more = () => void socket.write(++sent > 20 ? "0\r\n\r\n" : "1\r\nx\r\n")
        socket.write(head, more)
      })
      const answer = yield* asking(served)
      let seen = 0
      const body$ = answer.body$(new Gate())
      yield* Effect.promise(
        () =>
          new Promise<void>((resolve, reject) =>
            body$.subscribe({
              next: ({ length }) => {
                seen += length
                more()
              },
              error: reject,
              complete: resolve
            })
          )
      )
      expect(seen).toBe(20)
    })
  )

  for (const [size, atOnce] of [
    [1, 1],
    [1, 4],
    [100, 4]
  ] as const)
    it.live(`of ${size} bytes leaves room for others: chunks between two turns are few, ${atOnce} at once`, () =>
      Effect.gen(function* () {
        const sent = Buffer.concat([Buffer.from(`${head.slice(0, -2)}connection: close\r\n\r\n`), chunked(body, size)])
        const served = yield* serveRaw((_, socket) => socket.end(sent))
        const bodies = yield* Effect.all(Array.from({ length: atOnce }, () => asking(served)))
        // Chunks that undici's parser has told of since a turn of somebody else.
        let [chunks, all, most] = [0, 0, 0]
        const told = () => {
          all += 1
          chunks += 1
        }
        let turn = setImmediate(function other() {
          most = Math.max(most, chunks)
          chunks = 0
          turn = setImmediate(other)
        })
        subscribe(chunkReceived, told)
        const received = Effect.promise(() => Promise.all(bodies.map(({ body$ }) => lengthOf(body$(new Gate())))))
        const ended = Effect.sync(() => {
          clearImmediate(turn)
          unsubscribe(chunkReceived, told)
        })
        expect(yield* Effect.ensuring(received, ended)).toEqual(bodies.map(() => body.length))
        expect(all).toBeGreaterThan(0)
        // libuv reads a socket 32 times before it turns to the next.
        expect(Math.max(most, chunks)).toBeLessThanOrEqual(32 * atOnce)
      })
    )

  for (const [size, extension] of [
    [32_768, 32_768],
    [1, 4096]
  ] as const)
    it.live(`of ${size} bytes with extensions of ${extension} bytes is refused, as Go's clients do`, () =>
      Effect.gen(function* () {
        const sent = chunked(body.subarray(0, 4 * size), size, `;x=${"y".repeat(extension)}`)
        const served = yield* serveRaw((_, socket) => socket.write(Buffer.concat([Buffer.from(head), sent])))
        const reading = Effect.flatMap(asking(served), (answer) => collectBody(answer, body.length))
        const failure = yield* Effect.flip(reading)
        expect(failure.message).toMatch(/a chunk's line has more than 4096 bytes \(INVALID_CHUNK\)/)
      })
    )

  it.live("has no other transfer coding beside", () =>
    Effect.gen(function* () {
      for (const codings of ["gzip, chunked", "chunked, chunked", "chunked\r\nTransfer-Encoding: chunked"]) {
        const heads = `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${codings}\r\n\r\n`
        const served = yield* serveRaw((_, socket) => socket.write(heads))
        expect((yield* Effect.flip(asking(served))).message, codings).toMatch(/\(UNKNOWN_TRANSFER_CODING\)/)
      }
    })
  )

  for (const [what, sent] of [
    ["small chunks", Buffer.concat([Buffer.from(head), chunked(body, 50)])],
    ["chunks as they come", Buffer.concat([Buffer.from(head), chunked(body, 60_000)])],
    ["no chunks", Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`), body])]
  ] as const)
    it.live(`in ${what} may let another one go on from its own pieces`, () =>
      Effect.gen(function* () {
        const served = yield* serveRaw((_, socket) => socket.write(sent))
        const [one, another] = yield* Effect.all([asking(served), asking(served)])
        const gates = [new Gate(), new Gate()] as const
        const reading = [one, another].map(
          ({ body$ }, at) =>
            new Promise<number>((resolve, reject) => {
              let bytes = 0
              body$(gates[at] ?? new Gate()).subscribe({
                next: ({ length }) => {
                  bytes += length
                  gates[at]?.close()
                  gates[1 - at]?.open()
                },
                error: reject,
                complete: () => resolve(bytes)
              })
            })
        )
        expect(yield* Effect.promise(() => Promise.race(reading))).toBe(body.length)
      })
    )

  it.live("stops at a closed gate, and goes on in order", () =>
    Effect.gen(function* () {
      const served = yield* serveRaw((_, socket) => socket.write(Buffer.concat([Buffer.from(head), chunked(body, 3)])))
      const answer = yield* asking(served)
      const gate = new Gate()
      const pieces: Array<Uint8Array> = []
      const closed: Array<boolean> = []
      const body$ = answer.body$(gate)
      const watched = new Promise<void>((resolve, reject) =>
        body$.subscribe({
          next: (piece) => {
            closed.push(!gate.isOpen)
            pieces.push(piece)
            gate.close()
            setTimeout(gate.open, 1)
          },
          error: reject,
          complete: resolve
        })
      )
      yield* Effect.promise(() => watched)
      expect(closed).not.toContain(true)
      expect(Buffer.concat(pieces).equals(body)).toBe(true)
    })
  )
})

describe("a body that drips", () => {
  /** A byte, then another, for ever. */
  const dripping = (millis: number) =>
    serveRaw((_, socket) => {
      socket.write(head)
      const timer = setInterval(() => socket.write("1\r\nx\r\n"), millis)
      socket.on("close", () => clearInterval(timer))
    })
  const timeouts = { ...defaultTimeouts, minimumRate: 1024, rateWindow: 200 }
  const asked = Effect.fnUntraced(function* (served: RawServed, minimumRate: number) {
    const { send } = yield* makeTransport({ timeouts: { ...timeouts, minimumRate } })
    return yield* send(endpointOf(served.host, true), { method: "GET", url: new URL(served.origin), headers: {} })
  })

  it.live("is ended, though no byte is late", () =>
    Effect.gen(function* () {
      const served = yield* dripping(5)
      const failure = yield* Effect.flip(collectBody(yield* asked(served, 1024), 1e6))
      expect(failure.message).toMatch(/less than 1024 bytes a second for 0\.2 s \(TOO_SLOW\)/)
    })
  )

  it.live("is not while the gate is closed, whatever part of the time that is, nor where no rate is asked for", () =>
    Effect.gen(function* () {
      const served = yield* dripping(5)
      const failures: Array<unknown> = []
      const watch = (answer: Effect.Success<ReturnType<typeof asked>>, gate: Gate) =>
        Effect.acquireRelease(
          Effect.sync(() => answer.body$(gate).subscribe({ error: (error) => failures.push(error) })),
          (subscription) => Effect.sync(() => subscription.unsubscribe())
        )
      const [flapping, shut] = [new Gate(), new Gate()]
      shut.close()
      yield* watch(yield* asked(served, 1024), flapping)
      yield* watch(yield* asked(served, 1024), shut)
      yield* watch(yield* asked(served, 0), new Gate())
      for (let turn = 0; turn < 60; turn++) {
        flapping.close()
        yield* Effect.sleep(5)
        flapping.open()
        yield* Effect.sleep(5)
      }
      expect(failures).toEqual([])
      shut.open()
      flapping.open()
      // As soon as a window is over, on a machine however busy.
      while (failures.length < 2) yield* Effect.sleep(20)
      yield* Effect.sleep(50)
      expect(failures).toHaveLength(2)
    })
  )
})
