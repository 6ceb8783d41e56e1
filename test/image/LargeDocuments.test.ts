import type { ServerResponse } from "node:http"
import { syncBuiltinESMExports } from "node:module"
import v8 from "node:v8"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { lastValueFrom } from "rxjs"
import { describe, expect, vi } from "vitest"
import { admit, keeping, largeDocument, mostSources, patience, reading } from "../../src/image/LargeDocuments.ts"
import { parse, type Reference } from "../../src/image/reference/Reference.ts"
import { Registry } from "../../src/registry/Registry.ts"
import { image } from "../registry/images.ts"
import { serve } from "../registry/server.ts"
import { it } from "../support/effect.ts"

const admitLarge = admit(largeDocument + 1)

/** A source that wants to read a large document. */
const source = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const kept = keeping(scope)
  const reading = yield* Effect.forkScoped(kept(Effect.scoped(admitLarge)))
  return { kept, reading, leave: Scope.close(scope, Exit.void) }
})
const sources = (count: number) => Effect.all(Array.from({ length: count }, () => source))
/** Which of them may read. */
const admitted = (all: ReadonlyArray<{ readonly reading: Fiber.Fiber<void> }>) =>
  Effect.as(TestClock.adjust(0), undefined).pipe(
    Effect.map(() => all.map(({ reading }) => reading.pollUnsafe() !== undefined))
  )

describe("of sources with large documents", () => {
  it.effect("one is admitted at a time, the others in the order in which they came, as it lets go", () =>
    Effect.gen(function* () {
      const all = yield* sources(mostSources + 2)
      expect(yield* admitted(all)).toEqual([true, false, false])
      yield* all[0]?.leave ?? Effect.void
      expect(yield* admitted(all)).toEqual([true, true, false])
      for (const { leave } of all) yield* leave
      expect(yield* admitted(all)).toEqual([true, true, true])
    })
  )

  it.effect("each that lets go leaves nothing: the heap is collected, where the process can", () =>
    Effect.gen(function* () {
      const gc = vi.fn()
      vi.stubGlobal("gc", gc)
      // That of the test files before this one may be too large to be collected.
      vi.spyOn(v8, "getHeapStatistics").mockReturnValue({ ...v8.getHeapStatistics(), used_heap_size: 2 ** 20 })
      syncBuiltinESMExports()
      const [first] = yield* sources(mostSources)
      yield* admitted([])
      expect(gc).not.toHaveBeenCalled()
      yield* first?.leave ?? Effect.void
      expect(gc.mock.calls).toEqual([[{ type: "major", execution: "async" }]])
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          vi.unstubAllGlobals()
          vi.restoreAllMocks()
          syncBuiltinESMExports()
        })
      )
    )
  )

  it.effect("one that is admitted reads as many documents as it likes", () =>
    Effect.gen(function* () {
      const [first] = yield* sources(mostSources)
      for (let i = 0; i < 5; i++) yield* first?.kept(Effect.scoped(admitLarge)) ?? Effect.void
      yield* first?.leave ?? Effect.void
    })
  )

  it.effect("one that no longer waits leaves its place to the next", () =>
    Effect.gen(function* () {
      const all = yield* sources(mostSources + 2)
      yield* admitted(all)
      const [, second, third] = all
      if (second === undefined || third === undefined) return
      yield* Fiber.interrupt(second.reading)
      yield* second.leave
      yield* all[0]?.leave ?? Effect.void
      expect(yield* admitted([third])).toEqual([true])
      for (const { leave } of all) yield* leave
    })
  )

  it.effect("one more goes ahead each time that none has let go for a while", () =>
    Effect.gen(function* () {
      const all = yield* sources(mostSources + 3)
      expect(yield* admitted(all)).toEqual([true, false, false, false])
      yield* TestClock.adjust(patience)
      const after = yield* admitted(all)
      expect(after.filter(Boolean)).toHaveLength(2)
      yield* TestClock.adjust(patience - 1)
      expect((yield* admitted(all)).filter(Boolean)).toHaveLength(2)
      yield* TestClock.adjust(patience)
      expect((yield* admitted(all)).filter(Boolean).length).toBeGreaterThan(2)
      for (const { leave } of all) yield* leave
    })
  )

  for (const [what, piece, others] of [
    ["that reads a mebibyte meanwhile keeps the others waiting", 2 ** 16, 0],
    ["that reads less does not", 2 ** 14, 2]
  ] as const)
    it.effect(`one ${what}`, () =>
      Effect.gen(function* () {
        const pieces = yield* Queue.unbounded<number>()
        const length = 2 ** 23
        const document = reading(undefined, (mayRead) =>
          Effect.gen(function* () {
            expect(mayRead(length)).toBe(true)
            for (let bytes = 0; bytes < length; ) {
              bytes += yield* Queue.take(pieces)
              expect(mayRead(bytes)).toBe(true)
            }
          })
        )
        const fiber = yield* Effect.forkScoped(document)
        yield* TestClock.adjust(0)
        const all = yield* sources(2)
        expect(yield* admitted(all)).toEqual([false, false])
        for (let half = 0; half < 4; half++) {
          for (let at = 0; at < 16; at++) Queue.offerUnsafe(pieces, piece)
          yield* TestClock.adjust(patience / 2)
        }
        expect((yield* admitted(all)).filter(Boolean)).toHaveLength(others)
        yield* Fiber.interrupt(fiber)
        for (const { leave } of all) yield* leave
      })
    )

  it.effect("small ones never wait", () =>
    Effect.gen(function* () {
      const all = yield* sources(mostSources + 1)
      yield* admitted(all)
      const scope = yield* Scope.make()
      for (let i = 0; i < 20; i++) yield* keeping(scope)(Effect.scoped(admit(largeDocument)))
      for (const { leave } of all) yield* leave
    })
  )

  it.effect("what keeps none lets go when it has read", () =>
    Effect.gen(function* () {
      for (let i = 0; i < mostSources + 3; i++) yield* Effect.scoped(admitLarge)
    })
  )
})

describe("documents of a registry", () => {
  it.live("hold no connection while they wait: many pulls at once end", () =>
    Effect.gen(function* () {
      const app = image({ os: "linux", architecture: "amd64" })
      const json = { ...JSON.parse(app.manifest.bytes.toString()), extra: " ".repeat(largeDocument) }
      const manifest = Buffer.from(JSON.stringify(json))
      const served = yield* serve((request, response) => {
        const path = request.url ?? ""
        const part = app.parts.find(({ digest }) => path.endsWith(digest))
        if (path.endsWith("/manifests/1"))
          return void response.writeHead(200, { "content-type": app.manifest.mediaType }).end(manifest)
        if (part === undefined) return void response.writeHead(404).end()
        response.writeHead(200, { "content-length": part.bytes.length }).end(part.bytes)
      })
      const registry = yield* Registry
      const scopes = yield* Effect.all(Array.from({ length: 8 }, () => Scope.make()))
      const resolving = yield* Effect.forEach(scopes, (scope, at) =>
        parse(`${served.host}/app${at}:1`).pipe(
          Effect.flatMap((reference) =>
            registry.resolve(reference, { os: "linux", architecture: "amd64" }, () => undefined)
          ),
          keeping(scope),
          Effect.tap(Scope.close(scope, Exit.void)),
          Effect.forkScoped
        )
      )
      for (const each of resolving) expect((yield* Fiber.join(each)).manifest.bytes).toHaveLength(manifest.length)
    }).pipe(Effect.provide(Registry.layer({ connections: 2, retry: { times: 0 } })))
  )
})

describe("a large document that comes while others are being read", () => {
  const blanks = " ".repeat(2 ** 22 - 1000)
  const app = image({ os: "linux", architecture: "amd64" })
  const manifest = Buffer.from(JSON.stringify({ ...JSON.parse(app.manifest.bytes.toString()), blanks }))
  const tags = Buffer.from(JSON.stringify({ tags: ["a"], blanks }))

  type Send = (response: ServerResponse, bytes: Buffer) => unknown
  const sends: ReadonlyArray<readonly [string, Send]> = [
    ["with a length", (response, bytes) => response.setHeader("content-length", bytes.length).write(bytes)],
    ["in chunks", (response, bytes) => response.write(bytes)]
  ]
  const looks = [
    [
      "a manifest",
      (registry: Registry["Service"], at: Reference) =>
        Effect.asVoid(registry.documents(at, () => undefined).manifest({ _tag: "Tag", tag: "1" }))
    ],
    [
      "a page of a list",
      (registry: Registry["Service"], at: Reference) =>
        Effect.promise(() => lastValueFrom(registry.tags$(at, { emit: () => undefined })))
    ]
  ] as const

  for (const [what, look] of looks)
    for (const [how, send] of sends)
      it.live(`is let go, and asked for again in its turn: ${what}, ${how}`, () =>
        Effect.gen(function* () {
          const asked = yield* Queue.unbounded<Promise<void>>()
          let isFirst = true
          const served = yield* serve((request, response) => {
            if (request.url === "/v2/") return void response.end()
            Queue.offerUnsafe(asked, new Promise((resolve) => response.once("close", () => resolve())))
            response.setHeader("content-type", app.manifest.mediaType)
            send(response, request.url?.includes("tags") ? tags : manifest)
            // The first answer has no end: it is closed when it is let go, and not before.
            if (isFirst) isFirst = false
            else response.end()
          })
          const before = yield* sources(mostSources)
          yield* Effect.addFinalizer(() => Effect.forEach(before, ({ leave }) => leave))
          for (const { reading } of before) yield* Fiber.join(reading)
          const registry = yield* Registry
          const looking = yield* Effect.forkScoped(look(registry, yield* parse(`${served.host}/app:1`)))
          const first = yield* Queue.take(asked)
          yield* Effect.promise(() => first)
          expect(Queue.sizeUnsafe(asked)).toBe(0)
          expect(looking.pollUnsafe()).toBeUndefined()
          for (const { leave } of before) yield* leave
          yield* Fiber.join(looking)
          expect(Queue.sizeUnsafe(asked)).toBe(1)
        }).pipe(Effect.provide(Registry.layer({ retry: { times: 0 } })))
      )

  it.live("is not asked for before its turn if its size is known", () =>
    Effect.gen(function* () {
      const before = yield* sources(mostSources)
      yield* Effect.addFinalizer(() => Effect.forEach(before, ({ leave }) => leave))
      for (const { reading } of before) yield* Fiber.join(reading)
      let asked = 0
      const read = reading(largeDocument + 1, () => Effect.sync(() => ++asked))
      const waiting = yield* Effect.forkScoped(read)
      yield* Effect.sleep(0)
      expect(asked).toBe(0)
      yield* before[0]?.leave ?? Effect.void
      expect(yield* Fiber.join(waiting)).toBe(1)
      expect(yield* reading(largeDocument, () => Effect.sync(() => ++asked))).toBe(2)
    })
  )
})
