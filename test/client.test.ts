/** What plain JavaScript may do to the client: each ends in an error of its kind. */
import { execFileSync } from "node:child_process"
import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { PullError } from "../src/api/errors.ts"
import { open } from "../src/client.ts"
import { image, startRegistry } from "../src/testing/index.ts"
import { open as openTest } from "./support/open.ts"
import { rejection } from "./support/rejection.ts"

test("a closed client rejects with an AbortError, whatever it is asked", async () => {
  await using oci = await openTest()
  await oci.close()
  for (const asked of [oci.pull("alpine"), oci.images(), oci.inspect("alpine")]) {
    expect(await rejection(asked)).toMatchObject({ name: "AbortError" })
  }
})

test("a misspelt option is an InvalidOption that lists the known ones", async () => {
  await using oci = await openTest()
  for (const options of [{ platfrom: "linux/arm64" }, { policy: "sometimes" }]) {
    expect((await rejection(oci.pull("alpine", options as never))).reason).toMatchObject({
      _tag: "InvalidOption",
      option: Object.keys(options)[0]
    })
  }
  expect((await rejection(open({ rot: "/tmp" } as never))).reason).toMatchObject({
    _tag: "InvalidOption",
    option: "rot"
  })
})

test("options of another type are an InvalidOption, in a PullError that says so", async () => {
  for (const options of [{ root: 5 }, { root: "" }, { layersDir: {} }, { credentials: { host: null } }, null, 5]) {
    const error = await rejection(open(options as never))
    expect(error).toBeInstanceOf(PullError)
    expect(error.reason._tag).toBe("InvalidOption")
  }
})

test("no reference at all is an InvalidReference", async () => {
  await using oci = await openTest()
  expect((await rejection(oci.pull(undefined as never))).reason).toMatchObject({ _tag: "InvalidReference" })
})

test.runIf(process.platform === "linux")("a root that cannot be made is a FileSystemFailed, at once", async () => {
  await using oci = await openTest({ root: "/proc/nope" })
  expect((await rejection(oci.pull("localhost:1/nothing"))).reason).toMatchObject({ _tag: "FileSystemFailed" })
})

test.skipIf(process.platform === "win32")(
  "files of settings may be pipes: one that nobody writes to keeps no abort and no close waiting",
  async () => {
    await using registry = await startRegistry({ images: { "app:1": await image() } })
    const home = await mkdtemp(join(tmpdir(), "ociflow-pipes-"))
    const pipe = async (...path: ReadonlyArray<string>) => {
      await mkdir(join(home, ...path.slice(0, -1)), { recursive: true })
      execFileSync("mkfifo", [join(home, ...path)])
    }
    await pipe("hosts", registry.host, "hosts.toml")
    await pipe("ca.crt")
    await pipe("kept", "index.json")
    const reference = registry.reference("app:1")
    // More at once than Node has threads for its calls.
    const each = [
      { hostsDirs: [join(home, "hosts")] },
      { hosts: { [registry.host]: { ca: join(home, "ca.crt"), plainHttp: false } } },
      { keepBlobs: join(home, "kept") },
      { hostsDirs: [join(home, "hosts")] },
      { hostsDirs: [join(home, "hosts")] }
    ]
    const clients = await Promise.all(each.map((options) => openTest(options)))
    const names = clients.map(async (oci) => {
      const pulling = oci.pull(reference, { platform: "linux/amd64", signal: AbortSignal.timeout(500) })
      const { name } = await rejection(pulling)
      await oci[Symbol.asyncDispose]()
      return name
    })
    expect(await Promise.all(names)).toEqual(each.map(() => "TimeoutError"))
    await rm(home, { recursive: true })
  }
)

test("a held image keeps its layers until it is released, or the client is closed", async () => {
  await using registry = await startRegistry({ images: { "app:1": await image({ layers: [{ files: { a: "a" } }] }) } })
  const reference = registry.reference("app:1")
  const root = await mkdtemp(join(tmpdir(), "ociflow-held-"))
  await using cleaner = await openTest({ root })
  const oci = await openTest({ root })
  expect((await rejection(oci.hold(reference))).reason).toMatchObject({ _tag: "NotCached" })
  const { layers } = await oci.pull(reference)
  {
    await using held = await oci.hold(reference)
    expect(held.image.layers).toEqual(layers)
    expect(await cleaner.remove(reference)).toMatchObject({ layers: [], deferred: true })
  }
  expect((await cleaner.prune()).layers).toHaveLength(1)
  await oci.pull(reference)
  await oci.hold(reference)
  expect(await cleaner.remove(reference)).toMatchObject({ layers: [], deferred: true })
  await oci.close()
  expect((await cleaner.prune()).layers).toHaveLength(1)
  await rm(root, { recursive: true })
})

test("an image that was never pulled is a NotCached, asked for or removed", async () => {
  await using oci = await openTest()
  for (const ask of [oci.inspect, oci.remove, oci.hold])
    for (const reference of ["alpine", "oci:/none:1"])
      expect((await rejection(ask(reference))).reason).toMatchObject({ _tag: "NotCached" })
})
