/** One flight: what several want at once is done once, and no longer than somebody wants it. */
import { stat } from "node:fs/promises"
import { join } from "node:path"
import { firstValueFrom, lastValueFrom, toArray } from "rxjs"
import { filter, take, tap } from "rxjs/operators"
import { expect, test } from "vitest"
import type { PullEvent } from "../../../src/api/events.ts"
import { progress } from "../../../src/progress/index.ts"
import { fault, image, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { randomLayer } from "../../support/randomLayer.ts"

/** A registry whose only layer stops in the middle until the fault is taken away. */
const stalled = async () => {
  const made = await image({ layers: [randomLayer("stalled")] })
  const registry = await startRegistry({ images: { "app:1": made, "app:2": made, "other:1": made } })
  const digest = made.manifests[0]?.layers[0]?.digest ?? ""
  registry.fault({ kind: "blob", reference: digest, times: 1 }, fault.stall(100_000))
  const half = () => registry.log.until((log) => log.where({ reference: digest }).some(({ sent }) => sent >= 100_000))
  return { registry, digest, half }
}

test("ten pulls of one tag at once request each document and each blob once", async () => {
  const made = await image({ layers: [randomLayer("a"), randomLayer("b")] })
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  const pulled = await Promise.all(Array.from({ length: 10 }, () => oci.pull(registry.reference("app:1"))))
  expect(new Set(pulled.map(({ digest }) => digest)).size).toBe(1)
  expect(registry.log.count({ kind: "manifest" })).toBe(1)
  expect(registry.log.count({ kind: "blob" })).toBe(3)
})

test("a pull that joins late gets the latest events", async () => {
  const { registry, digest, half } = await stalled()
  await using _ = registry
  await using oci = await open({ timeouts: { idle: 2_000 } })
  const first = lastValueFrom(oci.pull$(registry.reference("app:1")))
  await half()
  const late = lastValueFrom(oci.pull$(registry.reference("app:1")).pipe(toArray()))
  const tags = (await late).map(({ _tag }) => _tag)
  expect(tags.slice(0, 3)).toEqual(["Resolving", "Resolved", "LayerStarted"])
  expect(tags.at(-1)).toBe("Pulled")
  expect(await first).toMatchObject({ _tag: "Pulled" })
  expect(registry.log.repeated(digest)).toBe(0)
})

test("two tags share a layer's download, and both see it", async () => {
  const { registry, digest, half } = await stalled()
  await using _ = registry
  await using oci = await open({ timeouts: { idle: 2_000 } })
  const first = lastValueFrom(oci.pull$(registry.reference("app:1")))
  await half()
  const events = await lastValueFrom(oci.pull$(registry.reference("app:2")).pipe(toArray()))
  expect(events.filter((event) => event._tag === "LayerStarted" || event._tag === "LayerDone")).toMatchObject([
    { _tag: "LayerStarted", shared: true },
    { _tag: "LayerDone" }
  ])
  await first
  expect(registry.log.repeated(digest)).toBe(0)
  expect(await oci.images()).toHaveLength(2)
})

const flowOf = (events: ReadonlyArray<PullEvent>) =>
  events.flatMap((event) =>
    event._tag === "LayerStarted" || event._tag === "LayerProgress" ? [event.shared === true ? "shared" : "own"] : []
  )

test("the first pull of a layer downloads it, the others wait for it: their events say so", async () => {
  const { registry, half } = await stalled()
  await using _ = registry
  await using oci = await open({ timeouts: { idle: 2_000 } })
  const first = lastValueFrom(oci.pull$(registry.reference("app:1")).pipe(toArray()))
  await half()
  const others = ["app:2", "other:1"].map((name) => lastValueFrom(oci.pull$(registry.reference(name)).pipe(toArray())))
  expect(new Set(flowOf(await first))).toEqual(new Set(["own"]))
  for (const events of await Promise.all(others)) {
    expect(new Set(flowOf(events))).toEqual(new Set(["shared"]))
    const [waiting, started] = events.filter((event) => "digest" in event && event._tag !== "Resolved")
    expect(waiting).toMatchObject({ _tag: "LayerWaiting" })
    expect(started).toMatchObject({ _tag: "LayerStarted", shared: true })
    expect(events.at(-1)).toMatchObject({ _tag: "Pulled" })
  }
})

test("if the pull that downloads a layer is cancelled, the next one has the download, and is told so at once", async () => {
  const { registry, half } = await stalled()
  await using _ = registry
  await using oci = await open()
  const controller = new AbortController()
  const first = oci.pull(registry.reference("app:1"), { signal: controller.signal })
  await half()
  const told: Array<ReadonlyArray<PullEvent>> = []
  const last = ["app:2", "other:1"].map((name) => {
    const events: Array<PullEvent> = []
    told.push(events)
    const pulling = lastValueFrom(oci.pull$(registry.reference(name)).pipe(tap((event) => events.push(event))))
    return expect(pulling).rejects.toMatchObject({ name: "AbortError" })
  })
  const arrived = (events: ReadonlyArray<PullEvent>) => events.some(({ _tag }) => _tag === "LayerProgress")
  await expect.poll(() => told.every(arrived), { timeout: 20_000 }).toBe(true)
  const before = told.map(flowOf)
  controller.abort(new Error("leaves"))
  await expect(first).rejects.toThrow("leaves")
  // Nothing arrives meanwhile.
  const after = told.map((events, at) => flowOf(events).slice(before[at]?.length))
  expect(after.toSorted((a, b) => b.length - a.length)).toEqual([["own"], []])
  await oci.close()
  await Promise.all(last)
})

test("a pull that joins late does not count what arrived before as downloaded by it", async () => {
  const { registry } = await stalled()
  await using _ = registry
  await using oci = await open({ timeouts: { idle: 3_000 } })
  const events: Array<PullEvent> = []
  const first = lastValueFrom(oci.pull$(registry.reference("app:1")).pipe(tap((event) => events.push(event))))
  const arrived = (event: PullEvent) => event._tag === "LayerProgress" && event.received >= 60_000
  await expect.poll(() => events.some(arrived), { timeout: 20_000 }).toBe(true)
  for (const name of ["app:1", "app:2"]) {
    const views = oci.pull$(registry.reference(name)).pipe(progress())
    const joined = await firstValueFrom(views.pipe(filter(({ received }) => received >= 60_000)))
    expect(joined.downloaded, name).toBeLessThan(joined.received - 30_000)
  }
  await first
})

test("a shared download continues when one of two pulls is cancelled, and ends with the last", async () => {
  const { registry, half } = await stalled()
  await using _ = registry
  await using oci = await open()
  const controllers = [new AbortController(), new AbortController()] as const
  const pulls = controllers.map(({ signal }) => oci.pull(registry.reference("app:1"), { signal }))
  await half()
  controllers[0].abort(new Error("first leaves"))
  await expect(pulls[0]).rejects.toThrow("first leaves")
  expect(registry.log.open).toBe(1)
  controllers[1].abort(new Error("last leaves"))
  await expect(pulls[1]).rejects.toThrow("last leaves")
  await registry.log.settled()
  expect(registry.log.count({ kind: "blob", state: "aborted" })).toBe(1)
})

test("a failing registry does not fail a pull of the same layer from another registry", async () => {
  const { registry, digest, half } = await stalled()
  await using _ = registry
  const made = await image({ layers: [randomLayer("stalled")] })
  await using sound = await startRegistry({ images: { "app:1": made } })
  await using oci = await open({ retry: { times: 0 }, timeouts: { idle: 1_000 } })
  registry.fault({ kind: "blob", reference: digest, nth: 2 }, fault.status(404, "BLOB_UNKNOWN"))
  const failing = oci.pull(registry.reference("app:1")).then(
    () => expect.unreachable(),
    (error) => error.reason._tag
  )
  await half()
  expect((await oci.pull(sound.reference("app:1"))).layers).toHaveLength(1)
  expect(await failing).toBe("BlobInterrupted")
  expect(sound.log.ranges(digest).at(0)?.[0]).toBe(100_000)
})

test("an observer that throws fails its own pull and no other", async () => {
  const { registry, half } = await stalled()
  await using _ = registry
  await using oci = await open({ timeouts: { idle: 1_000 } })
  const sound = oci.pull(registry.reference("app:1"))
  await half()
  const onEvent = (event: PullEvent) => {
    if (event._tag === "LayerDone") throw new Error("mine")
  }
  await expect(oci.pull(registry.reference("app:1"), { onEvent })).rejects.toThrow("mine")
  expect((await sound).layers).toHaveLength(1)
})

test("a pull that starts as the last one is cancelled continues from the kept bytes", async () => {
  const { registry, digest, half } = await stalled()
  await using _ = registry
  await using oci = await open()
  const controller = new AbortController()
  const left = oci.pull(registry.reference("app:1"), { signal: controller.signal })
  await half()
  // What was sent may still be on its way.
  const kept = join(oci.root, "partial", digest)
  const size = () =>
    stat(kept).then(
      (it) => it.size,
      () => 0
    )
  await expect.poll(size).toBe(100_000)
  controller.abort(new Error("enough"))
  const started = firstValueFrom(
    oci.pull$(registry.reference("app:1")).pipe(
      filter((event) => event._tag === "LayerDone"),
      take(1)
    )
  )
  await expect(left).rejects.toThrow("enough")
  expect(await started).toMatchObject({ digest })
  expect(registry.log.repeated(digest)).toBe(0)
})

test("a pull that is begun in an event, and joins, hears each event once", async () => {
  const { registry, half } = await stalled()
  await using _ = registry
  await using oci = await open({ timeouts: { idle: 2_000 } })
  const heard: Array<PullEvent> = []
  const joined: Array<Promise<unknown>> = []
  const first = oci.pull(registry.reference("app:1"), {
    onEvent: (event) => {
      if (event._tag !== "LayerStarted" || joined.length > 0) return
      joined.push(oci.pull(registry.reference("app:1"), { onEvent: (event) => void heard.push(event) }))
    }
  })
  await half()
  await first
  await Promise.all(joined)
  const counts = ["Resolving", "Resolved", "LayerStarted", "LayerDone", "Pulled"].map(
    (tag) => heard.filter(({ _tag }) => _tag === tag).length
  )
  expect(counts).toEqual([1, 1, 1, 1, 1])
})

test("who leaves in another's event does not hear it", async () => {
  const { registry } = await stalled()
  await using _ = registry
  await using oci = await open({ timeouts: { idle: 2_000 } })
  const late: Array<string> = []
  let leave = () => {}
  const first = lastValueFrom(
    oci.pull$(registry.reference("app:1")).pipe(
      tap(({ _tag }) => {
        if (_tag === "LayerStarted") leave()
      })
    )
  )
  const second = oci.pull$(registry.reference("app:1")).subscribe(({ _tag }) => late.push(_tag))
  leave = () => second.unsubscribe()
  await first
  expect(late).not.toContain("LayerStarted")
})
