import { EMPTY, from, lastValueFrom } from "rxjs"
import { expect, test } from "vitest"
import type { EntryMessage } from "../../../src/layer/messages/WorkerMessage.ts"
import { makeRingMemory, RingReader } from "../../../src/layer/Ring.ts"
import type { Part } from "../../../src/layer/tar/untar.ts"
import { sendEntries } from "../../../src/layer/worker/sendEntries.ts"
import { file } from "../../support/entries.ts"

/** Notes what credit was waited for, and waits for none. */
class Noting extends RingReader {
  readonly waits: Array<readonly [sent: number, window: number]> = []
  override awaitCredit(sent: number, window: number): void {
    this.waits.push([sent, window])
  }
}

const sending = async (parts: ReadonlyArray<Part>) => {
  const ring = new Noting(makeRingMemory(64), () => {})
  const messages: Array<EntryMessage> = []
  await lastValueFrom(from(parts).pipe(sendEntries(ring, (message) => messages.push(message))), { defaultValue: EMPTY })
  return { messages, waits: ring.waits }
}

const records = Buffer.alloc(2 ** 20, "x")
const headerOf = (name: string, values: ReadonlyArray<Uint8Array>) => {
  const { body: _, ...header } = file(name, "", { xattrs: new Map(values.map((value, i) => [`user.${i}`, value])) })
  return header
}

test.each(["Entry", "Begin"] as const)(
  "an attribute is sent alone, without the records around it: %s",
  async (_tag) => {
    const { messages } = await sending([{ _tag, header: headerOf("f", [records.subarray(10, 14)]) }])
    const [value] = messages.flatMap((it) => ("header" in it ? [...it.header.xattrs.values()] : []))
    expect([value?.length, value?.buffer.byteLength]).toEqual([4, 4])
  }
)

test("credit is taken for all that a header holds", async () => {
  const long = "p".repeat(1000)
  const none = await sending([{ _tag: "Entry", header: headerOf("f", []) }])
  const taken = async (header: ReturnType<typeof headerOf>) =>
    ((await sending([{ _tag: "Begin", header }])).waits[0]?.[0] ?? 0) - (none.waits[0]?.[0] ?? 0)
  expect(await taken(headerOf("f", [records.subarray(0, 5000)]))).toBeGreaterThanOrEqual(5000)
  expect(await taken({ ...headerOf("f", []), linkPath: long })).toBeGreaterThanOrEqual(1000)
  expect(await taken(headerOf(long, []))).toBeGreaterThanOrEqual(999)
  const sparse = Array.from({ length: 1000 }, (_, offset) => ({ offset, length: 1 }))
  expect(await taken({ ...headerOf("f", []), sparse })).toBeGreaterThanOrEqual(16_000)
})

test("what weighs more than the window goes alone, and does not wait for itself", async () => {
  const heavy = headerOf("f", [records, records])
  const { waits } = await sending([
    { _tag: "Entry", header: heavy },
    { _tag: "Entry", header: headerOf("g", []) }
  ])
  const [[first = 0, window] = [], [second = 0, usual = 0] = []] = waits
  expect(window).toBe(first)
  expect(usual).toBeLessThan(first)
  expect(second).toBeGreaterThan(first)
})
