/** The pulls of a client: shown, shared, cancelled, resumed, and known after a restart. */
import { readdir, utimes, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { filter, firstValueFrom, lastValueFrom, take } from "rxjs"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { PullView } from "../../src/progress/PullView.ts"
import type { TrackedPull } from "../../src/pulls/Pulls.ts"
import { bigLayer, fault, image, startRegistry, type TestRegistry } from "../../src/testing/index.ts"
import { open, type TestClient, temporaryRoot } from "../support/open.ts"

let registry: TestRegistry
let app: string

beforeAll(async () => {
  const small = await image({ layers: [{ files: { "a.txt": "a" } }] })
  const large = await image({
    layers: [{ files: { "a.txt": "a" } }, await bigLayer({ size: 3_000_000, compression: "none" })]
  })
  registry = await startRegistry({ images: { "app:1": large, "small:1": small } })
  app = registry.reference("app:1")
})
afterAll(() => registry.close())
beforeEach(() => registry.clearFaults())

/** The large layer stops after a million bytes. */
const stalled = () => registry.fault({ kind: "blob", when: ({ range }) => range === undefined }, fault.stall(1_000_000))

const until = (oci: TestClient, id: string, reached: (view: PullView) => boolean) =>
  firstValueFrom(oci.pulls.view$(id).pipe(filter(reached)))
const half = ({ received }: PullView) => received >= 900_000
const states = (list: ReadonlyArray<TrackedPull>) => list.map(({ reference, state }) => [reference, state])
const listed = (oci: TestClient) => firstValueFrom(oci.pulls.list$)

describe("a pull that was started", () => {
  test("is pulled once, however often it is started, and is seen by everybody", async () => {
    await using oci = await open()
    stalled()
    const before = registry.log.all.filter(({ kind }) => kind === "manifest").length
    const [one, two] = await Promise.all([oci.pulls.start(app), oci.pulls.start(app, { policy: "always" })])
    expect(two.id).toBe(one.id)
    await until(oci, one.id, half)
    // Late, and at once.
    const seen: Array<PullView> = []
    const late = oci.pulls.view$(one.id).subscribe((view) => seen.push(view))
    expect(seen[0]?.received).toBeGreaterThanOrEqual(900_000)
    const other = oci.pulls.view$(one.id).subscribe()
    late.unsubscribe()
    other.unsubscribe()
    expect(states(await listed(oci))).toEqual([[app, "running"]])
    expect(registry.log.all.filter(({ kind }) => kind === "manifest").length - before).toBeLessThanOrEqual(2)
    await oci.pulls.cancel(one.id)
  })

  test("ends with the image, and its view stays", async () => {
    await using oci = await open()
    const { id } = await oci.pulls.start(app)
    const last = await lastValueFrom(oci.pulls.view$(id))
    expect(last).toMatchObject({ phase: "done", fraction: 1, reference: app })
    expect(await oci.pulls.get(id)).toMatchObject({ state: "done", view: last })
    expect(await lastValueFrom(oci.pulls.view$(id))).toEqual(last)
    expect(structuredClone(JSON.parse(JSON.stringify(await listed(oci))))).toEqual(await listed(oci))
  })

  test("ends with the error as data, and is tried again by resume", async () => {
    await using oci = await open()
    registry.fault({ kind: "manifest", times: 1 }, fault.status(403))
    const { id } = await oci.pulls.start(registry.reference("small:1"))
    const last = await lastValueFrom(oci.pulls.view$(id))
    expect(last).toMatchObject({ phase: "failed", error: { isRetryable: false, reason: { _tag: "AccessDenied" } } })
    expect((await oci.pulls.get(id))?.state).toBe("failed")
    expect(await oci.pulls.resume(id)).toMatchObject({ id, state: "running" })
    expect(await lastValueFrom(oci.pulls.view$(id))).toMatchObject({ phase: "done" })
  })

  test("is refused at once if its reference or an option is wrong", async () => {
    await using oci = await open()
    await expect(oci.pulls.start("A B")).rejects.toMatchObject({ reason: { _tag: "InvalidReference" } })
    await expect(oci.pulls.start(app, { platfrom: "x" } as never)).rejects.toMatchObject({
      reason: { _tag: "InvalidOption" }
    })
    // A part of an image is not an image that can be shown as one.
    await expect(oci.pulls.start(app, { only: "etc" } as never)).rejects.toMatchObject({
      reason: { _tag: "InvalidOption" }
    })
    await expect(oci.pulls.start(app, { platform: "x" })).rejects.toMatchObject({ reason: { _tag: "InvalidOption" } })
    expect(await listed(oci)).toEqual([])
  })
})

test("a layer that another pull of the client downloads is waiting, and downloading when that one is cancelled", async () => {
  const small = { files: { "b.txt": "b" } }
  const big = await bigLayer({ size: 3_000_000, compression: "none" })
  await using other = await startRegistry({
    images: { "one:1": await image({ layers: [big] }), "two:1": await image({ layers: [small, big] }) }
  })
  other.fault({ kind: "blob", when: ({ range }) => range === undefined }, fault.stall(1_000_000))
  await using oci = await open()
  const one = await oci.pulls.start(other.reference("one:1"))
  await until(oci, one.id, half)
  const two = await oci.pulls.start(other.reference("two:1"))
  const phases = (view: PullView) => view.layers.map(({ phase }) => phase)
  const shared = await until(oci, two.id, (view) => half(view) && phases(view)[0] === "done")
  expect(phases(shared)).toEqual(["done", "waiting"])
  expect((await oci.pulls.get(one.id))?.view.layers.map(({ phase }) => phase)).toEqual(["downloading"])
  await oci.pulls.cancel(one.id)
  const own = await until(oci, two.id, (view) => phases(view)[1] === "downloading")
  expect(own.received).toBeGreaterThanOrEqual(shared.received)
  await oci.pulls.cancel(two.id)
})

describe("cancel", () => {
  test("resolves when everything is closed, and what is resumed continues", async () => {
    await using oci = await open()
    stalled()
    const { id } = await oci.pulls.start(app)
    await until(oci, id, half)
    const [last] = await Promise.all([lastValueFrom(oci.pulls.view$(id)), oci.pulls.cancel(id)])
    await registry.log.settled()
    expect(registry.log.all.filter(({ state }) => state === "open")).toEqual([])
    expect(last).toMatchObject({ phase: "failed", error: { message: "the pull was cancelled", isRetryable: true } })
    expect(states(await listed(oci))).toEqual([[app, "cancelled"]])
    registry.clearFaults()
    await oci.pulls.resume(id)
    const done = await lastValueFrom(oci.pulls.view$(id))
    expect(done.phase).toBe("done")
    expect(done.downloaded).toBeLessThan(done.total - 900_000)
  })

  test("leaves a pull$ of the same image running", async () => {
    await using oci = await open()
    const release = stalled()
    const { id } = await oci.pulls.start(app)
    const alone = expect(lastValueFrom(oci.pull$(app))).rejects.toMatchObject({ name: "AbortError" })
    await until(oci, id, half)
    await oci.pulls.cancel(id)
    expect(registry.log.all.some(({ state }) => state === "open")).toBe(true)
    release()
    await oci.close()
    await alone
  })

  test("of a pull that is not running, or that is not known, resolves; there is nothing to resume or to see", async () => {
    await using oci = await open()
    await oci.pulls.cancel("nobody")
    expect(await oci.pulls.resume("nobody")).toBeUndefined()
    expect(await oci.pulls.get("nobody")).toBeUndefined()
    expect(await lastValueFrom(oci.pulls.view$("nobody"), { defaultValue: "none" })).toBe("none")
  })

  test("and start at the same moment: the second pull begins when the first one is closed", async () => {
    await using oci = await open()
    stalled()
    const { id } = await oci.pulls.start(app)
    await until(oci, id, half)
    registry.clearFaults()
    const cancelled = oci.pulls.cancel(id)
    const again = await oci.pulls.start(app)
    await cancelled
    expect(again).toMatchObject({ id, state: "running" })
    expect((await lastValueFrom(oci.pulls.view$(id))).phase).toBe("done")
  })
})

describe("after a restart", () => {
  const interrupted = async (root: string) => {
    await using oci = await open({ root })
    registry.fault({ kind: "blob" }, fault.stall(1_000_000))
    const { id } = await oci.pulls.start(app)
    await until(oci, id, half)
    // What is kept is known before the pull is remembered.
    const records = () => readdir(join(root, "pulls")).catch(() => [])
    await expect.poll(records, { timeout: 20_000 }).toContain(`${id}.json`)
    await oci.close()
    registry.clearFaults()
    return id
  }

  test("what was interrupted is known, with the bytes that are kept, and continues", async () => {
    await using home = await temporaryRoot()
    const id = await interrupted(home.root)
    await using oci = await open({ root: home.root })
    const [pull] = await listed(oci)
    expect(pull).toMatchObject({ id, reference: app, state: "interrupted", view: { phase: "failed" } })
    expect(pull?.view.received).toBeGreaterThan(500_000)
    expect(pull?.view.total).toBeGreaterThan(2_900_000)
    await oci.pulls.resume(id)
    const done = await lastValueFrom(oci.pulls.view$(id))
    expect(done.phase).toBe("done")
    expect(done.downloaded).toBeLessThanOrEqual(done.total - (pull?.view.received ?? 0))
    expect(await readdir(join(home.root, "pulls"))).toEqual([])
    await using next = await open({ root: home.root })
    expect(await listed(next)).toEqual([])
  })

  test("a view of it comes without the list", async () => {
    await using home = await temporaryRoot()
    const id = await interrupted(home.root)
    await using oci = await open({ root: home.root })
    expect(await firstValueFrom(oci.pulls.view$(id))).toMatchObject({ reference: app, phase: "failed" })
  })

  test("it is not offered while another program pulls it", async () => {
    await using oci = await open()
    stalled()
    const { id } = await oci.pulls.start(app)
    await until(oci, id, half)
    await using other = await open({ root: oci.root })
    expect(await listed(other)).toEqual([])
    await oci.pulls.cancel(id)
  })

  test("what is forgotten, or pruned with its bytes, is not offered", async () => {
    await using home = await temporaryRoot()
    const id = await interrupted(home.root)
    {
      await using oci = await open({ root: home.root })
      await oci.pulls.forget(id)
      expect(await listed(oci)).toEqual([])
      expect(await readdir(join(home.root, "pulls"))).toEqual([])
    }
    const record = join(home.root, "pulls", `${await interrupted(home.root)}.json`)
    await utimes(record, 1, 1)
    await using oci = await open({ root: home.root })
    await oci.prune({ partialsFor: 1_000_000 })
    await oci.prune({ dryRun: true })
    expect(states(await listed(oci))).toEqual([[app, "interrupted"]])
    await oci.prune()
    expect(await readdir(join(home.root, "pulls"))).toEqual([])
  })

  test.for(["", "{", "[]", '{"reference":1}', '{"reference":"a","platform":"b","layers":[{"digest":1}]}'])(
    "a record that a power cut left as %j is ignored",
    async (text) => {
      await using home = await temporaryRoot()
      const id = await interrupted(home.root)
      await writeFile(join(home.root, "pulls", `${id}.json`), text)
      await using oci = await open({ root: home.root })
      expect(await listed(oci)).toEqual([])
    }
  )
})

test("closing the client ends the list and what is under way", async () => {
  const oci = await open()
  stalled()
  const { id } = await oci.pulls.start(app)
  await until(oci, id, half)
  const list = lastValueFrom(oci.pulls.list$)
  await firstValueFrom(oci.pulls.list$.pipe(take(1)))
  await oci.close()
  expect(states(await list)).toEqual([[app, "cancelled"]])
  await oci[Symbol.asyncDispose]()
})
