import { randomBytes } from "node:crypto"
import type { ServerResponse } from "node:http"
import type { Socket } from "node:net"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { reduce, tap } from "rxjs"
import { describe, expect } from "vitest"
import { isReason, type Reason } from "../../../src/api/errors.ts"
import type { PullEvent } from "../../../src/api/events.ts"
import { parse } from "../../../src/image/reference/Reference.ts"
import { drain } from "../../../src/reactive/bridge.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import { Registry, type RegistryOptions } from "../../../src/registry/Registry.ts"
import { it } from "../../support/effect.ts"
import { digestOf } from "../images.ts"
import { type Handler, type Served, serve, serveTcp, until } from "../server.ts"

const bytes = randomBytes(300_000)
const blob = { digest: digestOf(bytes), size: bytes.length }
const noRetry: RegistryOptions = { retry: { times: 0 } }
const quick: RegistryOptions = { retry: { times: 3, base: 1, cap: 1 } }

const firstOf = (headers: { readonly range?: string | undefined }) =>
  Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0)

/** Sends the head of an honest answer from the byte that was asked for. */
const head = (request: { readonly headers: { readonly range?: string | undefined } }, response: ServerResponse) => {
  const first = firstOf(request.headers)
  response.writeHead(first === 0 ? 200 : 206, {
    "content-length": bytes.length - first,
    ...(first === 0 ? {} : { "content-range": `bytes ${first}-${bytes.length - 1}/${bytes.length}` })
  })
  return first
}
const honest: Handler = (request, response) => void response.end(bytes.subarray(head(request, response)))

interface Run {
  readonly served: Served
  readonly received: Buffer
  readonly failure: Reason | undefined
  readonly events: ReadonlyArray<PullEvent>
}

interface Options extends RegistryOptions {
  readonly offset?: number
  readonly gate?: Gate
  readonly size?: number
  readonly urls?: ReadonlyArray<string>
  readonly each?: (received: number, gate: Gate) => void
}

const fetching = Effect.fnUntraced(function* (
  handler: Handler,
  options: Options = noRetry
): Effect.fn.Return<Run, unknown, Scope.Scope> {
  const served = yield* serve(handler)
  const reference = yield* parse(`${served.host}/org/app`)
  const events: Array<PullEvent> = []
  const chunks: Array<Uint8Array> = []
  const { gate = new Gate(), each, offset, urls } = options
  let received = 0
  const result = yield* Registry.use((registry) => {
    const emit = (event: PullEvent) => void events.push(event)
    const descriptor = { ...blob, size: options.size ?? blob.size, urls }
    const source = registry.blob$(reference, descriptor, gate, { offset, emit })
    return drain(isReason)(
      source.pipe(
        tap((chunk) => {
          chunks.push(chunk)
          received += chunk.length
          each?.(received, gate)
        })
      )
    )
  }).pipe(Effect.provide(Registry.layer(options)), Effect.result)
  return {
    served,
    events,
    received: Buffer.concat(chunks),
    failure: result._tag === "Failure" ? result.failure : undefined
  }
})

describe("a blob", () => {
  it.live("arrives whole, from the byte that was asked for, with no compression asked for", () =>
    Effect.gen(function* () {
      const all = yield* fetching(honest)
      expect(all.received.equals(bytes)).toBe(true)
      expect(all.served.requests[0]?.headers).toMatchObject({ "accept-encoding": "identity" })
      expect(all.served.requests[0]?.headers.range).toBeUndefined()
      const rest = yield* fetching(honest, { ...noRetry, offset: 123_456 })
      expect(rest.received.equals(bytes.subarray(123_456))).toBe(true)
      const none = yield* fetching(honest, { ...noRetry, offset: bytes.length })
      expect([none.failure, none.received.length, none.served.requests.length]).toEqual([undefined, 0, 0])
    })
  )

  it.live("that is cut after every piece completes, each byte sent once", () =>
    Effect.gen(function* () {
      const piece = 3000
      let sent = 0
      const cutting: Handler = (request, response) => {
        const first = head(request, response)
        const part = bytes.subarray(first, first + piece)
        sent += part.length
        response.write(part, () => request.socket.end())
      }
      const { received, served, failure } = yield* fetching(cutting, quick)
      expect(failure).toBeUndefined()
      expect(received.equals(bytes)).toBe(true)
      expect(served.requests).toHaveLength(100)
      expect(sent).toBe(bytes.length)
    })
  )

  it.live("that brings nothing more fails when the retries are used up, and tells where it stood", () =>
    Effect.gen(function* () {
      const stuck: Handler = (request, response) => {
        const first = head(request, response)
        response.write(first === 0 ? bytes.subarray(0, 1000) : "", () => request.socket.destroy())
        response.flushHeaders()
      }
      const { received, served, failure, events } = yield* fetching(stuck, quick)
      expect(failure).toMatchObject({ _tag: "BlobInterrupted", offset: 1000, digest: blob.digest })
      expect(received.length).toBe(1000)
      expect(served.requests).toHaveLength(4)
      expect(events.map((event) => event._tag === "Retrying" && [event.attempt, event.digest])).toEqual(
        [1, 2, 3].map((attempt) => [attempt, blob.digest])
      )
    })
  )

  it.live("continues through connections that end, stall or refuse", () =>
    Effect.gen(function* () {
      const faults: Array<Handler> = [
        (request, response) => void response.write(bytes.subarray(head(request, response), 50_000)),
        (request, response) => {
          const first = head(request, response)
          response.write(bytes.subarray(first, first + 10_000), () => request.socket.resetAndDestroy())
        },
        (_, response) => void response.writeHead(503).end(),
        (request) => void request.socket.destroy(),
        // A range may be answered with less than was asked for.
        (request, response) => {
          const first = firstOf(request.headers)
          const range = `bytes ${first}-${first + 999}/${bytes.length}`
          response.writeHead(206, { "content-range": range }).end(bytes.subarray(first, first + 1000))
        }
      ]
      const { received, failure } = yield* fetching((...all) => (faults.shift() ?? honest)(...all), {
        ...quick,
        timeouts: { idle: 60 }
      })
      expect(failure).toBeUndefined()
      expect(received.equals(bytes)).toBe(true)
    })
  )

  it.live("whose registry answers 200 to a range goes on after the bytes that were seen", () =>
    Effect.gen(function* () {
      let first = true
      const rangeless: Handler = (request, response) => {
        response.writeHead(200, { "content-length": bytes.length })
        if (!first) return void response.end(bytes)
        first = false
        response.write(bytes.subarray(0, 77_777), () => request.socket.end())
      }
      const { received, failure } = yield* fetching(rangeless, quick)
      expect(failure).toBeUndefined()
      expect(received.equals(bytes)).toBe(true)
    })
  )

  it.effect("waits between attempts as the schedule says", () =>
    Effect.gen(function* () {
      const served = yield* serve((request, response, it) =>
        it.requests.length === 1
          ? void response.writeHead(429, { "retry-after": "5" }).end()
          : honest(request, response, it)
      )
      const reference = yield* parse(`${served.host}/org/app`)
      const context = yield* Layer.build(Registry.layer())
      let done = false
      let told = false
      yield* Effect.acquireRelease(
        Registry.use((registry) =>
          Effect.sync(() =>
            registry
              .blob$(reference, blob, new Gate(), {
                emit: () => {
                  told = true
                }
              })
              .subscribe({
                complete: () => {
                  done = true
                }
              })
          )
        ).pipe(Effect.provide(context)),
        (subscription) => Effect.sync(() => subscription.unsubscribe())
      )
      yield* TestClock.withLive(until(() => told))
      yield* TestClock.adjust(4999)
      expect(served.requests).toHaveLength(1)
      yield* TestClock.adjust(1)
      yield* TestClock.withLive(until(() => done))
      expect(served.requests).toHaveLength(2)
    })
  )
})

describe("a foreign layer", () => {
  it.live("comes from where its descriptor says, without credentials, once the registry has none", () =>
    Effect.gen(function* () {
      const foreign = yield* serve(honest)
      const lacking: Handler = (request, response) => {
        if (request.headers.authorization === undefined)
          response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end()
        else response.writeHead(404).end()
      }
      const registry = yield* serve(lacking)
      const reference = yield* parse(`${registry.host}/org/app`)
      const credentials = {
        [registry.host]: { username: "me", password: "secret" },
        [foreign.host]: { username: "me", password: "secret" }
      }
      const fetched = (urls: ReadonlyArray<string>) =>
        Registry.use((it) =>
          drain(isReason)(
            it
              .blob$(reference, { ...blob, urls }, new Gate(), { emit: () => undefined })
              .pipe(reduce((sum, chunk) => sum + chunk.length, 0))
          )
        ).pipe(Effect.provide(Registry.layer({ ...noRetry, credentials })), Effect.result)
      expect(yield* fetched(["not an address", `${foreign.origin}/layer`])).toMatchObject({
        _tag: "Success",
        success: blob.size
      })
      expect(foreign.requests.map(({ headers }) => headers.authorization)).toEqual([undefined])
      expect(yield* fetched([])).toMatchObject({ failure: { _tag: "BlobNotFound" } })
      expect(yield* fetched(["https://169.254.169.254/layer"])).toMatchObject({ failure: { _tag: "AddressRefused" } })
    })
  )
})

describe("a blob is refused", () => {
  it.live("when its length is not its descriptor's, and not one byte too many is passed on", () =>
    Effect.gen(function* () {
      const endless: Handler = (_, response) => void response.writeHead(200).end(Buffer.concat([bytes, bytes]))
      for (const [handler, size] of [
        [honest, blob.size - 1],
        [honest, blob.size + 1],
        [endless, blob.size]
      ] as const) {
        const { failure, received } = yield* fetching(handler, { ...quick, size })
        expect(failure).toMatchObject({ _tag: "SizeMismatch", expected: size })
        expect(received.length).toBeLessThanOrEqual(size)
      }
    })
  )

  it.live("when a range is not the one that was asked for, with and without asking for one", () =>
    Effect.gen(function* () {
      const ranging =
        (range: string): Handler =>
        (_, response) =>
          void response.writeHead(206, { "content-range": range }).end(bytes)
      const last = bytes.length - 1
      const cases = [
        [`bytes 11-${last}/${bytes.length}`, "InvalidResponse"],
        [`bytes 10-${last}/${bytes.length + 1}`, "InvalidResponse"],
        [`bytes 0-${last}/${bytes.length + 1}`, "SizeMismatch"]
      ] as const
      for (const [range, tag] of cases) {
        const { failure, received, served } = yield* fetching(ranging(range), { ...quick, offset: 10 })
        expect([failure?._tag, received.length, served.requests.length], range).toEqual([tag, 0, 2])
      }
    })
  )

  it.live("with the status that says why", () =>
    Effect.gen(function* () {
      for (const [status, tag] of [
        [416, "RegistryError"],
        [404, "BlobNotFound"],
        [403, "AccessDenied"]
      ] as const) {
        const { failure, served } = yield* fetching((_, response) => void response.writeHead(status).end(), {
          ...quick,
          offset: 1
        })
        expect([failure?._tag, served.requests.length]).toEqual([tag, 2])
      }
    })
  )
})

/** Bytes that are handed on between two looks at the gate. */
const first = 32_768

describe("a gate that closes", () => {
  it.live("stops the bytes at once, and the registry once the kernel's buffers are full", () =>
    Effect.gen(function* () {
      const large = 48 * 2 ** 20
      let sent = 0
      const flooding: Handler = (_, response) => {
        response.writeHead(200, { "content-length": large })
        const chunk = Buffer.alloc(65_536)
        const write = (): void => {
          while (sent < large && !response.destroyed) {
            sent += chunk.length
            if (!response.write(chunk)) return void response.once("drain", write)
          }
        }
        write()
      }
      const gate = new Gate()
      let received = 0
      const stops: Array<number> = []
      const fiber = yield* fetching(flooding, {
        ...noRetry,
        gate,
        size: large,
        each: (length) => {
          received = length
          if (stops.length < 2) {
            stops.push(length)
            gate.close()
          }
        }
      }).pipe(Effect.forkChild)
      for (const stop of [0, 1]) {
        yield* until(() => !gate.isOpen)
        let before = -1
        yield* until(() => {
          const still = sent === before
          before = sent
          return still
        })
        expect(received).toBe(stops[stop])
        expect(sent).toBeLessThan(large / 2)
        gate.open()
      }
      const { failure } = yield* Fiber.join(fiber)
      expect([failure, stops[0], received]).toEqual([undefined, first, large])
    })
  )

  it.live("is not a silence of the registry's", () =>
    Effect.gen(function* () {
      let closed = 0
      const { failure, received, served } = yield* fetching(honest, {
        ...quick,
        timeouts: { idle: 30 },
        each: (_, gate) => {
          if (closed++ > 2) return
          gate.close()
          setTimeout(gate.open, 100)
        }
      })
      expect([failure, received.equals(bytes), served.requests.length]).toEqual([undefined, true, 1])
    })
  )

  it.live("keeps what had arrived before the connection ended, or was reset (nodejs/undici#5360)", () =>
    Effect.gen(function* () {
      const cut = 60_000
      const endings = {
        end: (socket: Socket) => void socket.end(),
        reset: (socket: Socket) => void socket.resetAndDestroy()
      }
      const heads: ReadonlyArray<Record<string, string | number>> = [
        { connection: "close", "content-length": bytes.length },
        { connection: "close", "transfer-encoding": "chunked" },
        { "content-length": bytes.length }
      ]
      for (const fields of heads)
        for (const ending of [endings.end, endings.reset]) {
          const sockets: Array<Socket> = []
          const breaking: Handler = (request, response, served) => {
            if (served.requests.length > 1) return honest(request, response, served)
            sockets.push(request.socket)
            response.writeHead(200, fields)
            response.write(bytes.subarray(0, cut))
          }
          const gate = new Gate()
          const stops: Array<number> = []
          const fiber = yield* fetching(breaking, {
            ...quick,
            gate,
            each: (length) => {
              if (stops.length > 0) return
              stops.push(length)
              gate.close()
            }
          }).pipe(Effect.forkChild)
          yield* until(() => !gate.isOpen)
          const [socket] = sockets
          if (socket !== undefined) ending(socket)
          yield* until(() => socket?.destroyed === true || socket?.writableFinished === true)
          // The client has some turns of the loop to learn of it while it is paused.
          yield* Effect.forEach([1, 2, 3, 4], () => Effect.sleep(2))
          gate.open()
          const { received, served, failure } = yield* Fiber.join(fiber)
          expect([failure, received.equals(bytes), stops]).toEqual([undefined, true, [first]])
          expect(served.requests).toHaveLength(2)
        }
    })
  )
})

describe("unsubscribing", () => {
  const hanging: Handler = (request, response) => void response.write(bytes.subarray(head(request, response), 20_000))
  const silent: Handler = () => undefined

  it.live("closes the socket, in the middle of a body and before the answer", () =>
    Effect.gen(function* () {
      for (const handler of [hanging, silent]) {
        const served = yield* serve(handler)
        const reference = yield* parse(`${served.host}/org/app`)
        const context = yield* Layer.build(Registry.layer(noRetry))
        const failures: Array<unknown> = []
        const subscription = yield* Registry.use((registry) =>
          Effect.sync(() =>
            registry
              .blob$(reference, blob, new Gate(), { emit: () => undefined })
              .subscribe({ error: (error) => failures.push(error) })
          )
        ).pipe(Effect.provide(context))
        yield* until(() => served.requests.length === 1 && served.sockets.size === 1)
        subscription.unsubscribe()
        yield* until(() => served.sockets.size === 0)
        expect(failures).toEqual([])
      }
    })
  )

  it.live("closes the socket with the gate closed, and the layer leaves none behind", () =>
    Effect.gen(function* () {
      const served = yield* serve(hanging)
      const reference = yield* parse(`${served.host}/org/app`)
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Registry.layer(noRetry), scope)
      const gate = new Gate()
      gate.close()
      const [first] = yield* Registry.use((registry) =>
        Effect.sync(() =>
          [1, 2, 3].map(() =>
            registry.blob$(reference, blob, gate, { emit: () => undefined }).subscribe({ error: () => undefined })
          )
        )
      ).pipe(Effect.provide(context))
      yield* until(() => served.sockets.size === 3 && served.requests.length === 3)
      first?.unsubscribe()
      yield* until(() => served.sockets.size === 2)
      yield* Scope.close(scope, Exit.void)
      yield* until(() => served.sockets.size === 0)
      // None was made for the request that nobody wants any more.
      expect(served.connections()).toBe(3)
    })
  )

  it.live("while a connection is being made leaves none once the layer is closed", () =>
    Effect.gen(function* () {
      // It takes the connection and never answers the TLS greeting.
      const mute = yield* serveTcp()
      const served = yield* serve(
        (_, response) => void response.writeHead(307, { location: `https://${mute.host}/blob` }).end()
      )
      const reference = yield* parse(`${served.host}/org/app`)
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Registry.layer(noRetry), scope)
      const subscription = yield* Registry.use((registry) =>
        Effect.sync(() => registry.blob$(reference, blob, new Gate(), { emit: () => undefined }).subscribe())
      ).pipe(Effect.provide(context))
      yield* until(() => mute.sockets.size === 1)
      subscription.unsubscribe()
      yield* Scope.close(scope, Exit.void)
      yield* until(() => mute.sockets.size === 0 && served.sockets.size === 0)
    })
  )
})
