/** Who is told what of a call, where, and what that may do to it. */
import { AsyncLocalStorage } from "node:async_hooks"
import { getEventListeners } from "node:events"
import { rm } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { firstValueFrom, lastValueFrom, tap, toArray } from "rxjs"
import { describe, expect, test } from "vitest"
import type { PullEvent } from "../../../src/api/events.ts"
import { Puller, pull } from "../../../src/Puller.ts"
import { fault, image, startRegistry } from "../../../src/testing/index.ts"
import { open, temporaryRoot } from "../../support/open.ts"

const one = async () => {
  const made = await image({ layers: [{ files: { "etc/one": "one\n" } }] })
  const registry = await startRegistry({ images: { "app:1": made, "app:2": made } })
  return { made, registry, layer: made.manifests[0]?.layers[0]?.digest ?? "" }
}

const rejected = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable("it was to fail"),
    (error) => error
  )

describe("callers that share a pull", () => {
  test("hear its events each in the async context of its own call", async () => {
    const { registry } = await one()
    await using _ = registry
    await using oci = await open()
    const request = new AsyncLocalStorage<number>()
    const heard = new Map<number, Set<number | undefined>>()
    const note = (id: number) => () => void heard.set(id, (heard.get(id) ?? new Set()).add(request.getStore()))
    await Promise.all(
      Array.from({ length: 50 }, (_, id) =>
        request.run(id, () =>
          id % 2 === 0
            ? oci.pull(registry.reference("app:1"), { onEvent: note(id) })
            : lastValueFrom(oci.pull$(registry.reference("app:1")).pipe(tap({ next: note(id), complete: note(id) })))
        )
      )
    )
    expect([...heard].map(([id, ids]) => [id, [...ids]])).toEqual([...heard].map(([id]) => [id, [id]]))
    expect(heard.size).toBe(50)
  })

  test("are told that they wait for a layer that another has in hand", async () => {
    const { registry, layer } = await one()
    await using _ = registry
    await using oci = await open()
    registry.fault({ kind: "blob", reference: layer }, fault.slow({ latency: 200 }))
    const first = oci.pull(registry.reference("app:1"))
    await registry.log.until((log) => log.count({ kind: "blob", reference: layer }) > 0)
    const events = await lastValueFrom(oci.pull$(registry.reference("app:2")).pipe(toArray()))
    await first
    const told = events.filter((event) => "digest" in event && event.digest === layer).map(({ _tag }) => _tag)
    expect(told.slice(0, 2)).toEqual(["LayerWaiting", "LayerStarted"])
  })
})

describe("one signal", () => {
  test("has one listener, however many wait for it, and none when they are done", async () => {
    const { registry, layer } = await one()
    await using _ = registry
    await using oci = await open()
    registry.fault({ kind: "blob", reference: layer, times: 1 }, fault.slow({ latency: 100 }))
    const { signal } = new AbortController()
    const pulling = Promise.all([
      ...Array.from({ length: 20 }, () => oci.pull(registry.reference("app:1"), { signal })),
      ...Array.from({ length: 20 }, () => oci.resolve(registry.reference("app:2"), { signal }))
    ])
    await registry.log.until((log) => log.count({ kind: "blob" }) > 0)
    expect(getEventListeners(signal, "abort")).toHaveLength(1)
    await pulling
    expect(getEventListeners(signal, "abort")).toHaveLength(0)
  })

  test("ends everything that waits, as a promise, a sequence or an effect, and each with its reason", async () => {
    const { registry } = await one()
    await using _ = registry
    const home = await temporaryRoot()
    await using __ = home
    await using oci = await open()
    registry.fault({ kind: "manifest" }, fault.stall(-1))
    registry.fault({ kind: "tags" }, fault.stall(-1))
    const reference = registry.reference("app:1")
    const ending = new AbortController()
    const { signal } = ending
    const promises = [
      oci.pull(reference, { signal }),
      oci.resolve(reference, { signal }),
      oci.manifest(reference, { signal }),
      oci.tags(reference, { signal }),
      lastValueFrom(oci.pull$(reference, { signal })),
      lastValueFrom(oci.tags$(reference, { signal })),
      lastValueFrom(oci.entries$(reference, { signal }))
    ].map(rejected)
    const effect = Effect.runPromiseExit(
      Effect.provide(pull(reference, { signal }), Puller.layer({ root: home.root, credentials: {} }))
    )
    await registry.log.until((log) => log.open >= 6)
    const reason = new Error("enough")
    ending.abort(reason)
    expect(await Promise.all(promises)).toEqual(promises.map(() => reason))
    expect(await effect).toMatchObject({ _tag: "Failure" })
    // Before anything is done, too.
    for (const ended of [oci.images({ signal }), oci.usage({ signal }), oci.inspect(reference, { signal })])
      expect(await rejected(ended)).toBe(reason)
  })
})

describe("a listener that throws", () => {
  const mine = new Error("mine")
  const thrower = (at: PullEvent["_tag"]) => (event: PullEvent) => {
    if (event._tag === at) throw mine
  }

  test.for(["Resolving", "Resolved", "LayerDone", "Warning", "Pulled"] as const)(
    "ends its own call with what it threw, at %s as at any other event",
    async (at) => {
      const { registry } = await one()
      await using _ = registry
      await using oci = await open()
      registry.fault({ kind: "manifest" }, fault.header("Warning", '299 - "soon gone"'))
      const reference = registry.reference("app:1")
      const others: Array<string> = []
      const pulls = [
        oci.pull(reference, { onEvent: thrower(at) }),
        oci.pull(reference, { onEvent: ({ _tag }) => void others.push(_tag) })
      ]
      const [failed, pulled] = await Promise.allSettled(pulls)
      expect(failed).toEqual({ status: "rejected", reason: mine })
      expect(pulled?.status).toBe("fulfilled")
      expect(others.at(-1)).toBe("Pulled")
    }
  )

  test("does the same to a look", async () => {
    const { registry } = await one()
    await using _ = registry
    await using oci = await open()
    registry.fault({ kind: "manifest" }, fault.header("Warning", '299 - "soon gone"'))
    expect(await rejected(oci.resolve(registry.reference("app:1"), { onEvent: thrower("Warning") }))).toBe(mine)
  })
})

test("options that are no object are an InvalidOption of a promise, and nothing is thrown", async () => {
  await using oci = await open()
  for (const options of [null, 5, "linux/amd64", []]) {
    for (const call of [oci.pull, oci.resolve, oci.tags, oci.hold, oci.inspect] as ReadonlyArray<typeof oci.pull>)
      expect((await rejected(call("app", options as never))).reason).toMatchObject({ _tag: "InvalidOption" })
    expect((await rejected(lastValueFrom(oci.pull$("app", options as never)))).reason._tag).toBe("InvalidOption")
  }
})

test("a cached pull has the events of every pull: Resolved, its layers, Pulled", async () => {
  const { made, registry } = await one()
  await using _ = registry
  await using oci = await open()
  const first = await lastValueFrom(oci.pull$(registry.reference("app:1")).pipe(toArray()))
  const again = await lastValueFrom(oci.pull$(registry.reference("app:1")).pipe(toArray()))
  expect(again.map(({ _tag }) => _tag)).toEqual(["Resolving", "Resolved", "LayerCached", "Pulled"])
  expect(again[1]).toEqual(first.find(({ _tag }) => _tag === "Resolved"))
  expect(await oci.pull(registry.reference("app:1"))).toMatchObject({ digest: made.digest, cached: true })
})

test("who unsubscribes can wait until that is over, and then remove the store", async () => {
  const { registry, layer } = await one()
  await using _ = registry
  const oci = await open()
  registry.fault({ kind: "blob", reference: layer }, fault.stall(5))
  const pulling = oci.pull$(registry.reference("app:1")).subscribe()
  await registry.log.until((log) => log.where({ reference: layer }).some(({ sent }) => sent >= 5))
  pulling.unsubscribe()
  await oci.settled()
  await rm(oci.root, { recursive: true })
  await registry.log.until((log) => log.open === 0)
  await oci.close()
})

test("warnings reach the logger of an application, and no event is a line of its own", async () => {
  const { registry } = await one()
  await using _ = registry
  const home = await temporaryRoot()
  await using __ = home
  registry.fault({ kind: "manifest" }, fault.header("Warning", '299 - "soon gone"'))
  const lines: Array<{ readonly level: string; readonly text: string }> = []
  const logger = Logger.make(({ logLevel, message }) => void lines.push({ level: logLevel, text: String(message) }))
  const program = pull(registry.reference("app:1")).pipe(
    Effect.provide(Layer.provideMerge(Puller.layer({ root: home.root, credentials: {} }), Logger.layer([logger])))
  )
  await Effect.runPromise(program)
  expect(lines.filter(({ level }) => level === "Warn")).toMatchObject([{ text: expect.stringContaining("soon gone") }])
})

test("what was kept of a layer is told by the client, too", async () => {
  const { registry, layer } = await one()
  await using _ = registry
  await using oci = await open({ retry: { times: 0 } })
  registry.fault({ kind: "blob", reference: layer }, fault.cut(5))
  await rejected(oci.pull(registry.reference("app:1")))
  expect(await oci.kept([layer])).toMatchObject([{ digest: layer, bytes: 5 }])
  expect(await firstValueFrom(oci.tags$(registry.reference("app:1")))).toBe("1")
})
