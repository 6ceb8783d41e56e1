/** A mirror is a convenience: whatever goes wrong with it costs a fallback, never the pull. */
import { expect, test } from "vitest"
import type { PullerOptions } from "../../src/api/config.ts"
import type { PullEvent } from "../../src/api/events.ts"
import { fault, randomImage, startRegistry, type TestImage, type TestRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"

const made: Promise<TestImage> = randomImage("mirrored", { layers: 1 })
const two = async () => ({
  origin: await startRegistry({ images: { "app:1": await made } }),
  mirror: await startRegistry({ images: { "app:1": await made } })
})

const pull = async (origin: TestRegistry, mirror: string, options: PullerOptions = {}) => {
  await using oci = await open({ hosts: { [origin.host]: { mirrors: [mirror] } }, ...options })
  const events: Array<PullEvent> = []
  const image = await oci.pull(origin.reference("app:1"), { onEvent: (event) => void events.push(event) })
  return { image, warnings: events.flatMap((it) => (it._tag === "Warning" ? [it] : [])), layers: await oci.layers() }
}

test("a mirror serves a whole pull without a request to the registry", async () => {
  const { origin, mirror } = await two()
  await using _ = origin
  await using __ = mirror
  const { image, warnings } = await pull(origin, mirror.origin)
  expect(image).toMatchObject({ reference: `${origin.host}/app:1`, digest: (await made).digest })
  expect([warnings, origin.log.all.length]).toEqual([[], 0])
  expect(mirror.log.all.every(({ path }) => path.endsWith(`?ns=${encodeURIComponent(origin.host)}`))).toBe(true)
})

test("a mirror without the capability resolve is not asked for tags", async () => {
  const { origin, mirror } = await two()
  await using _ = origin
  await using __ = mirror
  await using oci = await open({
    hosts: { [origin.host]: { mirrors: [{ url: mirror.origin, capabilities: ["pull"] }] } }
  })
  await oci.pull(origin.reference("app:1"))
  expect(origin.log.all.map(({ kind }) => kind)).toEqual(["manifest"])
  expect(mirror.log.count({ kind: "blob" })).toBe(2)
})

const noise = fault.otherByte(20)
const failures: Readonly<Record<string, (mirror: TestRegistry) => unknown>> = {
  "changes a byte of a layer": (it) => it.fault({ kind: "blob" }, noise),
  "changes a byte of the manifest": (it) => it.fault({ kind: "manifest" }, noise),
  "sends less": (it) => it.fault({ kind: "blob" }, fault.shorter(10)),
  "sends more": (it) => it.fault({ kind: "blob" }, fault.longer(10)),
  "cuts every body": (it) => it.fault({ kind: "blob" }, fault.cut(50)),
  "stalls in every body": (it) => it.fault({ kind: "blob" }, fault.stall(50)),
  "has no blobs": (it) => it.fault({ kind: "blob" }, fault.status(404)),
  "has no manifest": (it) => it.fault({ kind: "manifest" }, fault.status(404)),
  "is in trouble": (it) => it.fault({}, fault.status(503)),
  "wants fewer requests": (it) => it.fault({}, fault.status(429)),
  "wants credentials": (it) => it.fault({}, fault.status(401)),
  "is not there": (it) => it.close()
}
test.for(Object.entries(failures))("a mirror that %s costs a fallback, and a warning names it", async ([, fail]) => {
  const { origin, mirror } = await two()
  await using _ = origin
  await using __ = mirror
  await fail(mirror)
  const { image, warnings, layers } = await pull(origin, mirror.origin, { timeouts: { idle: 300, headers: 2000 } })
  expect(image.digest).toBe((await made).digest)
  expect(layers).toHaveLength(1)
  expect(warnings.map(({ code }) => code)).toContain("MirrorFailed")
  expect(warnings.every(({ message }) => message.includes(mirror.origin))).toBe(true)
  expect(origin.log.all.length).toBeGreaterThan(0)
})

test("a body that breaks at a mirror continues at the registry, from the first missing byte", async () => {
  const { origin, mirror } = await two()
  await using _ = origin
  await using __ = mirror
  const layer = (await made).manifests[0]?.layers[0]
  mirror.fault({ kind: "blob", reference: layer?.digest ?? "" }, fault.cut(20))
  await pull(origin, mirror.origin)
  expect(origin.log.ranges(layer?.digest ?? "")).toEqual([[20, layer?.size]])
})

test("a mirror gets its own credentials, never the registry's", async () => {
  const auth = { type: "basic", users: { me: "origin" } } as const
  await using origin = await startRegistry({ images: { "app:1": await made }, auth })
  await using mirror = await startRegistry({
    images: { "app:1": await made },
    auth: { type: "basic", users: { you: "mirror" } }
  })
  const me = { username: "me", password: "origin" }
  const without = await pull(origin, mirror.origin, { credentials: { [origin.host]: me } })
  expect(without.warnings).not.toEqual([])
  expect(mirror.log.all.every(({ authorization }) => authorization === undefined)).toBe(true)
  origin.log.clear()
  const { warnings } = await pull(origin, mirror.origin, {
    credentials: { [origin.host]: me, [mirror.host]: { username: "you", password: "mirror" } }
  })
  expect([warnings, origin.log.all.length]).toEqual([[], 0])
})

test("a mirror that is down is asked once in a pull, not once for each layer", async () => {
  const { origin, mirror } = await two()
  await using _ = origin
  await mirror.close()
  const { warnings } = await pull(origin, mirror.origin)
  expect(warnings).toHaveLength(1)
})

test("entries$ reads a layer from the registry if a mirror's bytes prove wrong before the first entry", async () => {
  const { origin, mirror } = await two()
  await using _ = origin
  await using __ = mirror
  const layer = (await made).manifests[0]?.layers[0]
  await using oci = await open({ hosts: { [origin.host]: { mirrors: [mirror.origin] } } })
  const paths = async () => {
    const seen: Array<string> = []
    await oci.entries$(origin.reference("app:1")).forEach((entry) => void seen.push(entry.path))
    return seen
  }
  const honest = await paths()
  expect(origin.log.count({ kind: "blob" })).toBe(0)
  mirror.fault({ kind: "blob", reference: layer?.digest ?? "" }, fault.otherByte(1))
  expect(await paths()).toEqual(honest)
  expect(origin.log.count({ kind: "blob" })).toBeGreaterThan(0)
})

test("entries$ fails if a mirror's bytes prove wrong after the first entry, then reads from the registry", async () => {
  const { origin, mirror } = await two()
  await using _ = origin
  await using __ = mirror
  const layer = (await made).manifests[0]?.layers[0]
  mirror.fault({ kind: "blob", reference: layer?.digest ?? "" }, fault.otherByte((layer?.size ?? 0) - 1))
  await using oci = await open({ hosts: { [origin.host]: { mirrors: [mirror.origin] } } })
  const count = async () => {
    let seen = 0
    await oci.entries$(origin.reference("app:1")).forEach(() => void seen++)
    return seen
  }
  await expect(count()).rejects.toMatchObject({ reason: { _tag: "DigestMismatch" } })
  expect(await count()).toBeGreaterThan(0)
})
