/** `ociflow/registry`: the same answers as a client's, from the network alone. */
import { execFile } from "node:child_process"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"
import * as Effect from "effect/Effect"
import { firstValueFrom, lastValueFrom, take, toArray } from "rxjs"
import { describe, expect, test } from "vitest"
import { openRegistry, RegistryReader } from "../../../src/registry.ts"
import { collect, fault, image, imageIndex, startRegistry } from "../../../src/testing/index.ts"
import { open, temporaryRoot } from "../../support/open.ts"
import { reasonOf, rejection } from "../../support/rejection.ts"
import { addArtifact } from "../artifact/artifacts.ts"

const amd64 = await image({ layers: [{ files: { a: "a" } }] })
const both = imageIndex([amd64, await image({ platform: "linux/arm64" })])
const linux = { platform: "linux/amd64" }
const fast = { credentials: {}, retry: { base: 1, cap: 5 } }

const served = async () => {
  const registry = await startRegistry({ images: { "app:1": both, "app:2": amd64 } })
  const subject = { digest: both.digest, size: both.size }
  addArtifact(registry, "app", [{ bytes: Buffer.from("{}"), title: "sbom.json" }], { artifactType: "a/sbom", subject })
  return registry
}
const chunksOf = async (chunks: AsyncIterable<Uint8Array>) => {
  const all: Array<Uint8Array> = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

test("what it reads is what a client reads", async () => {
  await using registry = await served()
  await using oci = await open()
  await using reader = await openRegistry(fast)
  const name = registry.reference("app:1")
  expect(await reader.resolve(name)).toEqual(await oci.resolve(name))
  expect(await reader.manifest(name)).toEqual(await oci.manifest(name))
  expect(await reader.manifest(name, linux)).toEqual(await oci.manifest(name, linux))
  expect(await reader.config(name, linux)).toEqual(await oci.config(name, linux))
  expect(await reader.tags(name)).toEqual(["1", "2"])
  expect(await firstValueFrom(reader.tags$(name).pipe(take(1), toArray()))).toEqual(["1"])
  const referrers = await reader.referrers(name, { artifactType: "a/sbom" })
  expect(referrers).toEqual(await oci.referrers(name))
  expect(await lastValueFrom(reader.referrers$(name).pipe(toArray()))).toEqual(referrers)
  const sbom = await reader.artifact(`${registry.reference("app")}@${referrers[0]?.digest}`)
  expect(sbom).toMatchObject({ artifactType: "a/sbom", files: [{ name: "sbom.json" }] })
  expect(Buffer.from(sbom.files[0]?.bytes ?? []).toString()).toBe("{}")
  const layer = amd64.manifests[0]?.layers[0]?.digest ?? ""
  const wanted = await collect(amd64.blobs.get(layer) ?? expect.unreachable())
  expect(await chunksOf(reader.blob(name, layer))).toEqual(wanted)
  expect(Buffer.concat(await lastValueFrom(reader.blob$(name, layer).pipe(toArray())))).toEqual(wanted)
  expect(await readdir(oci.root)).toEqual([])
})

describe("errors", () => {
  test("are a PullError, with the reason that a client has", async () => {
    await using registry = await served()
    await using reader = await openRegistry(fast)
    const name = registry.reference("app:1")
    expect((await rejection(reader.resolve(registry.reference("app:none")))).reason).toMatchObject({
      _tag: "ManifestNotFound"
    })
    expect(await reasonOf(reader.config(name, { platform: "linux/s390x" }))).toMatchObject({ _tag: "PlatformNotFound" })
    expect(await reasonOf(reader.resolve("oci:./layout"))).toMatchObject({ _tag: "InvalidReference" })
    expect(await reasonOf(reader.tags("oci:./layout"))).toMatchObject({ _tag: "InvalidReference" })
    registry.fault({ kind: "blob", method: "GET" }, fault.otherByte(3))
    const layer = amd64.manifests[0]?.layers[0]?.digest ?? ""
    expect(await reasonOf(lastValueFrom(reader.blob$(name, layer)))).toMatchObject({ _tag: "DigestMismatch" })
  })

  test("of options name the one that was meant", async () => {
    const wrong: object = { rooot: 1 }
    expect(await reasonOf(openRegistry(wrong))).toMatchObject({ _tag: "InvalidOption", option: "rooot" })
    await using reader = await openRegistry(fast)
    const into: object = { into: "x" }
    expect(await reasonOf(reader.artifact("r.test/app", into))).toMatchObject({ _tag: "InvalidOption", option: "into" })
  })

  test("after it was closed are an AbortError; a signal's reason is its own", async () => {
    await using registry = await served()
    const reader = await openRegistry(fast)
    expect(await rejection(reader.resolve(registry.reference("app:1"), { signal: AbortSignal.abort("enough") }))).toBe(
      "enough"
    )
    await reader.close()
    expect(await rejection(reader.resolve(registry.reference("app:1")))).toMatchObject({ name: "AbortError" })
  })
})

test("its Effects end with their scope, and leave no socket", async () => {
  await using registry = await served()
  const program = Effect.flatMap(RegistryReader, (reader) => reader.tags(registry.reference("app"))).pipe(
    Effect.provide(RegistryReader.layer(fast))
  )
  expect(await Effect.runPromise(program)).toEqual(["1", "2"])
  await expect.poll(() => registry.sockets()).toBe(0)
})

/** As a program of somebody who installed us. Node tells of each thread that is started on this channel. */
test("resolving a tag starts no thread, makes no file and loads nothing native", async () => {
  await using registry = await served()
  await using home = await temporaryRoot()
  const library = JSON.stringify(pathToFileURL(join(import.meta.dirname, "../../../dist/registry.js")).href)
  const program = `
    import { subscribe } from "node:diagnostics_channel"
    const threads = []
    subscribe("worker_threads", ({ worker }) => threads.push(worker.threadId))
    const { openRegistry } = await import(${library})
    const reader = await openRegistry({ credentials: {} })
    const { digest } = await reader.resolve(${JSON.stringify(registry.reference("app:1"))})
    await reader.close()
    const native = process.report.getReport().sharedObjects.filter((it) => it.includes("node_modules"))
    console.log(JSON.stringify({ digest, native, threads }))
  `
  const args = ["--input-type=module", "-e", program]
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: home.root,
    env: { ...process.env, HOME: home.root }
  })
  expect(JSON.parse(stdout)).toEqual({ digest: both.digest, native: [], threads: [] })
  expect(await readdir(home.root)).toEqual([])
}, 60_000)
