import { randomBytes } from "node:crypto"
import { lastValueFrom, toArray } from "rxjs"
import { expect, test } from "vitest"
import { PullError } from "../../../src/api/errors.ts"
import type { PullEvent } from "../../../src/api/events.ts"
import type { Entry } from "../../../src/read/entries/Entry.ts"
import { fault, image, startRegistry, tar } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { rejection } from "../../support/rejection.ts"

const MiB = 2 ** 20
const noise = randomBytes(3 * MiB)

const serve = async (...layers: ReadonlyArray<ReturnType<typeof tar>>) =>
  startRegistry({ images: { "app:1": await image({ layers, compression: "none" }) } })

const files = (count: number) => {
  const archive = tar()
  for (let i = 0; i < count; i++) archive.file(`f${i}`, noise)
  return archive
}

/** What is under way has come. */
const rest = () => new Promise((resolve) => setTimeout(resolve, 50))

test("a body that is left in its middle leaves the next one whole, wherever the worker is by then", async () => {
  // The first is small enough to be sent whole, so that the worker asks about the second while the first is read.
  await using registry = await serve(tar().file("a", noise.subarray(0, 400_000)).file("b", noise).file("c", noise))
  await using oci = await open()
  const found: Array<boolean> = []
  for await (const entry of oci.entries(registry.reference("app:1"))) {
    if (entry.path === "a") {
      for await (const _ of entry.body) {
        await rest()
        break
      }
    } else {
      // Time enough for a worker that would take the answer about the first for one about this.
      await rest()
      found.push(noise.equals(await entry.bytes()))
    }
  }
  expect(found).toEqual([true, true])
})

test("entries that are held do not stop a pull, and other readers only where there are more than four", async () => {
  await using registry = await serve(files(3))
  await using oci = await open({ workers: 1 })
  const name = registry.reference("app:1")
  const held = [0, 1, 2, 3].map(() => oci.entries(name)[Symbol.asyncIterator]())
  for (const each of held) expect((await each.next()).value?.path).toBe("f0")
  expect(await oci.pull(name)).toMatchObject({ cached: false })
  const fifth = oci.entries(name)[Symbol.asyncIterator]()
  let isThere = false
  const first = fifth.next().then((result) => {
    isThere = true
    return result
  })
  await rest()
  expect(isThere).toBe(false)
  await held[0]?.return?.()
  expect((await first).value?.path).toBe("f0")
  for (const each of [...held, fifth]) await each.return?.()
})

test("leaving the loop closes the connection; the entry is gone then", async () => {
  await using registry = await serve(files(4))
  await using oci = await open()
  let kept: Entry | undefined
  for await (const entry of oci.entries(registry.reference("app:1"))) {
    kept = entry
    break
  }
  await expect.poll(() => registry.log.open).toBe(0)
  expect(await rejection(kept?.bytes() ?? Promise.resolve())).toMatchObject({ name: "AbortError" })
})

test("return ends a next that waits", async () => {
  await using registry = await serve(files(1))
  registry.fault({ kind: "blob" }, fault.stall(0))
  await using oci = await open()
  const reading = oci.entries(registry.reference("app:1"))[Symbol.asyncIterator]()
  const first = reading.next()
  await registry.log.until((log) => log.count({ kind: "blob" }) > 0)
  expect(await reading.return?.()).toEqual({ done: true, value: undefined })
  expect(await first).toEqual({ done: true, value: undefined })
})

test("next may be called before the last one is settled; the entries come in their order", async () => {
  await using registry = await serve(tar().file("a", "").file("b", "").file("c", ""))
  await using oci = await open()
  const reading = oci.entries(registry.reference("app:1"))[Symbol.asyncIterator]()
  const four = await Promise.all([reading.next(), reading.next(), reading.next(), reading.next()])
  expect(four.map(({ value }) => value?.path)).toEqual(["a", "b", "c", undefined])
})

test("the signal's reason ends the loop and the body", async () => {
  await using registry = await serve(files(4))
  await using oci = await open()
  const ending = new AbortController()
  const reason = new Error("enough")
  const loop = async () => {
    for await (const entry of oci.entries(registry.reference("app:1"), { signal: ending.signal })) {
      expect(entry.path).toBe("f0")
      ending.abort(reason)
    }
  }
  expect(await rejection(loop())).toBe(reason)
})

test("what breaks a body is a PullError with the reference, in each way to read it", async () => {
  const content = Array.from({ length: 2 ** 18 }, (_, i) => `${i} and so on `).join("")
  const made = await image({ layers: [tar().file("large", content)] })
  await using registry = await startRegistry({ images: { "app:1": made } })
  const { digest = "", size = 0 } = made.manifests[0]?.layers[0] ?? {}
  // Half of it inflates to more than may be under way.
  registry.fault({ kind: "blob", reference: digest }, fault.otherByte(Math.floor(size / 2)))
  await using oci = await open()
  const name = registry.reference("app:1")
  const ways: ReadonlyArray<(entry: Entry) => Promise<unknown>> = [
    (entry) => entry.bytes(),
    (entry) => entry.text(),
    (entry) => lastValueFrom(entry.body$.pipe(toArray())),
    async (entry) => {
      for await (const _ of entry.body);
    }
  ]
  for (const way of ways) {
    const errors: Array<unknown> = []
    const reading = oci.entries$(name, {}, async (entry) => void errors.push(await rejection(way(entry))))
    const last = await rejection(lastValueFrom(reading))
    for (const error of [...errors, last]) {
      expect(error).toBeInstanceOf(PullError)
      expect(error).toMatchObject({ reference: name, reason: { _tag: "DigestMismatch" } })
    }
    expect(errors).toHaveLength(1)
  }
})

test("a body that is too large for bytes is a PullError, and can still be read in pieces", async () => {
  await using registry = await serve(tar().file("large", noise))
  await using oci = await open({ limits: { bodyBytes: 1000 } })
  const sizes = oci.entries$(registry.reference("app:1"), {}, async (entry) => {
    expect(await rejection(entry.bytes())).toMatchObject({ reason: { _tag: "LimitExceeded", limit: "bodyBytes" } })
    let size = 0
    for await (const piece of entry.body) size += piece.length
    return size
  })
  expect(await lastValueFrom(sizes)).toBe(noise.length)
})

test("a function that throws fails the sequence with what it threw", async () => {
  await using registry = await serve(files(2))
  await using oci = await open()
  const thrown = new Error("mine")
  const reading = oci.entries$(registry.reference("app:1"), {}, () => {
    throw thrown
  })
  expect(await rejection(lastValueFrom(reading))).toBe(thrown)
  await expect.poll(() => registry.log.open).toBe(0)
})

test("retries and warnings of entries$, entries, tags$ and referrers$ reach onEvent", async () => {
  const odd = tar("ustar").header({ name: "f", type: "Q", size: 0 })
  await using registry = await serve(odd)
  await using oci = await open()
  const name = registry.reference("app:1")
  const heard = async (
    kind: "blob" | "tags" | "referrers",
    use: (onEvent: (event: PullEvent) => void) => Promise<unknown>
  ) => {
    const events: Array<PullEvent> = []
    registry.fault({ kind, times: 1 }, fault.status(503))
    await use((event) => void events.push(event))
    return events.map((event) => (event._tag === "Warning" ? event.code : event._tag))
  }
  const both = ["Retrying", "UnknownEntryType"]
  expect(await heard("blob", (onEvent) => lastValueFrom(oci.entries$(name, { onEvent })))).toEqual(both)
  expect(
    await heard("blob", (onEvent) => lastValueFrom(oci.entries$(name, { onEvent }, (entry) => entry.text())))
  ).toEqual(both)
  expect(
    await heard("blob", async (onEvent) => {
      for await (const entry of oci.entries(name, { onEvent })) expect(entry.path).toBe("f")
    })
  ).toEqual(both)
  expect(await heard("tags", (onEvent) => lastValueFrom(oci.tags$(name, { onEvent })))).toEqual(["Retrying"])
  expect(
    await heard("referrers", (onEvent) => lastValueFrom(oci.referrers$(name, { onEvent }), { defaultValue: undefined }))
  ).toEqual(["Retrying"])
})

test("equal bytes again and again: what the consumer has not asked for is not downloaded", async () => {
  await using registry = await serve(tar().file("large", Buffer.concat(Array(6).fill(noise))))
  await using oci = await open()
  for await (const entry of oci.entries(registry.reference("app:1"))) {
    const [pieces] = [entry.body[Symbol.asyncIterator]()]
    await pieces.next()
    await rest()
    const [blob] = registry.log.all.filter(({ kind }) => kind === "blob").slice(-1)
    expect(blob?.state).toBe("open")
    break
  }
})
