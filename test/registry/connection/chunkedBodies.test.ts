/** Chunked bodies of all kinds (RFC 9112, section 7.1): however they are cut, they arrive as they are or not at all. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import fc from "fast-check"
import { expect } from "vitest"
import { defaultTimeouts } from "../../../src/api/config.ts"
import { endpointOf } from "../../../src/registry/address/Endpoint.ts"
import { makeTransport } from "../../../src/registry/connection/Transport.ts"
import { collectBody } from "../../../src/registry/http/collectBody.ts"
import { it } from "../../support/effect.ts"
import { runs } from "../../support/runs.ts"
import { serveRaw } from "../rawServer.ts"

const head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
const limit = 100_000

const chunk = fc.record({
  length: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 9 }) }, fc.integer({ min: 1, max: 9000 })),
  /** One like it, again and again. */
  times: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 5000 })),
  zeros: fc.nat(3),
  isUpper: fc.boolean(),
  extension: fc.constantFrom("", "", ";a", ";a=b", ';a="b c"', `;x=${"y".repeat(3000)}`)
})
type Chunk = typeof chunk extends fc.Arbitrary<infer A> ? A : never

const answer = fc.record({
  chunks: fc.array(chunk, { maxLength: 5 }),
  trailer: fc.constantFrom("", "", "a: b\r\n"),
  /** Bytes of each write. */
  writes: fc.constantFrom(7, 1000, 65_536, 10_000_000),
  /** One byte of it becomes another. */
  change: fc.option(
    fc.record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), to: fc.integer({ min: 0, max: 255 }) })
  )
})

const encoded = (chunks: ReadonlyArray<Chunk>, trailer: string) => {
  const [sent, body]: [Array<Uint8Array>, Array<Uint8Array>] = [[], []]
  let bytes = 0
  // No more of long lines than is taken (ChunkedBody.test.ts).
  for (const { length, times, zeros, isUpper, extension } of chunks)
    for (
      let left = extension.length > 100 ? Math.ceil(times / 5000) : times;
      left > 0 && bytes + length <= limit;
      left--
    ) {
      const size = length.toString(16)
      const data = Buffer.alloc(length, 33 + (bytes % 90))
      sent.push(Buffer.from(`${"0".repeat(zeros)}${isUpper ? size.toUpperCase() : size}${extension}\r\n`))
      sent.push(data, Buffer.from("\r\n"))
      body.push(data)
      bytes += length
    }
  return { sent: Buffer.concat([...sent, Buffer.from(`0\r\n${trailer}\r\n`)]), body: Buffer.concat(body) }
}

it.live("a chunked body arrives unchanged, however it is cut; a malformed one ends within its bound", () =>
  Effect.gen(function* () {
    let due: { readonly bytes: Buffer; readonly writes: number } | undefined
    const served = yield* serveRaw((_, socket) => {
      const { bytes, writes } = due ?? { bytes: Buffer.alloc(0), writes: 1 }
      socket.write(head)
      const most = Math.max(writes, Math.ceil(bytes.length / 200))
      for (let at = 0; at < bytes.length; at += most) socket.write(bytes.subarray(at, at + most))
      socket.end()
    })
    const reading = Effect.scoped(
      Effect.gen(function* () {
        // One of its own: after twelve malformed answers in a row, no request is sent for a while.
        const { send } = yield* makeTransport({ timeouts: defaultTimeouts })
        const request = { method: "GET", url: new URL(served.origin), headers: {} } as const
        return yield* collectBody(yield* send(endpointOf(served.host, true), request), limit)
      })
    )
    const ends = { whole: 0, refused: 0 }
    for (const { chunks, trailer, writes, change } of fc.sample(answer, { numRuns: runs(150), seed: 12 })) {
      const { sent, body } = encoded(chunks, trailer)
      const bytes = Buffer.from(sent)
      if (change !== null) bytes.writeUInt8(change.to, Math.floor(change.at * bytes.length))
      due = { bytes, writes }
      const read = yield* Effect.result(reading)
      if (Result.isSuccess(read)) ends.whole += 1
      else ends.refused += 1
      if (change === null) expect(Result.isSuccess(read) && Buffer.from(read.success).equals(body)).toBe(true)
      else if (Result.isSuccess(read)) expect(read.success.length).toBeLessThanOrEqual(bytes.length)
      else expect(["RegistryUnreachable", "TooLong"]).toContain(read.failure._tag)
    }
    expect(Math.min(ends.whole, ends.refused)).toBeGreaterThan(10)
  })
)
