/** A blob's bytes: verified to the last piece, continued where they break, and asked for no faster than they are taken. */
import { createHash } from "node:crypto"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { concatMap, firstValueFrom, lastValueFrom, take, toArray } from "rxjs"
import { describe, expect, test } from "vitest"
import {
  collect,
  contentOfSegments,
  fault,
  image,
  measure,
  Prng,
  startRegistry,
  type TestRegistry
} from "../../src/testing/index.ts"
import { layoutOf, tagged, writeFiles } from "../support/files.ts"
import { open, type TestClient } from "../support/open.ts"
import { reasonOf, rejection } from "../support/rejection.ts"

const app = await image({ layers: [{ files: { a: "a" } }] })
const noise = new Prng(7).bytes(300_000)
const sha = (algorithm: string, bytes: Uint8Array) =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`
const digest = sha("sha256", noise)

const served = async (): Promise<TestRegistry> => {
  const registry = await startRegistry({ images: { "app:1": app } })
  registry.addBlob("app", noise)
  return registry
}

/** Whatever was given, and how it ended. */
const seenOf = async (chunks: AsyncIterable<Uint8Array>) => {
  const given: Array<Uint8Array> = []
  try {
    for await (const chunk of chunks) given.push(chunk)
    return { bytes: Buffer.concat(given) }
  } catch (error) {
    return { bytes: Buffer.concat(given), error }
  }
}

type Face = (oci: TestClient, reference: string, digest: string) => Promise<{ bytes: Buffer; error?: unknown }>
const faces: Readonly<Record<string, Face>> = {
  blob$: async (oci, reference, digest) => {
    const given: Array<Uint8Array> = []
    return new Promise((resolve) =>
      oci.blob$(reference, digest).subscribe({
        next: (chunk) => given.push(chunk),
        error: (error) => resolve({ bytes: Buffer.concat(given), error }),
        complete: () => resolve({ bytes: Buffer.concat(given) })
      })
    )
  },
  "blob$ with project": async (oci, reference, digest) => {
    const given: Array<Uint8Array> = []
    const keep = async (chunk: Uint8Array) => {
      await sleep(1)
      given.push(chunk)
    }
    const error = await lastValueFrom(oci.blob$(reference, digest, {}, keep), { defaultValue: undefined }).then(
      () => undefined,
      (error: unknown) => ({ error })
    )
    return { bytes: Buffer.concat(given), ...error }
  },
  blob: (oci, reference, digest) => seenOf(oci.blob(reference, digest)),
  "a ReadableStream of blob": (oci, reference, digest) => seenOf(ReadableStream.from(oci.blob(reference, digest)))
}

describe.each(Object.entries(faces))("%s", (_, face) => {
  test("gives every byte of any blob that the repository has", async () => {
    await using registry = await served()
    await using oci = await open()
    const layer = app.manifests[0]?.layers[0]?.digest ?? ""
    const wanted = await collect(app.blobs.get(layer) ?? expect.unreachable())
    expect(await face(oci, registry.reference("app:1"), layer)).toEqual({ bytes: wanted })
    // Named by no manifest, and of a tag that is not there.
    expect((await face(oci, registry.reference("app:none"), digest)).bytes.equals(noise)).toBe(true)
    const empty = registry.addBlob("app", new Uint8Array())
    expect((await face(oci, registry.reference("app"), empty)).bytes.length).toBe(0)
  })

  test.each([
    ["another byte", fault.otherByte(299_999), "DigestMismatch"],
    ["another first byte", fault.otherByte(0), "DigestMismatch"],
    ["a body that lacks its end", fault.all(fault.shorter(1), fault.chunked()), "BlobInterrupted"]
  ] as const)("gives an error in place of the last piece of %s", async (_, action, tag) => {
    await using registry = await served()
    registry.fault({ kind: "blob", method: "GET" }, action)
    await using oci = await open()
    const { bytes, error } = await face(oci, registry.reference("app:1"), digest)
    expect(error).toMatchObject({ _tag: "PullError", reason: { _tag: tag } })
    expect(bytes.length).toBeLessThan(noise.length)
    expect(registry.log.open).toBe(0)
  })

  test("continues a body that is cut", async () => {
    await using registry = await served()
    registry.fault({ kind: "blob", method: "GET", times: 2 }, fault.cut(100_000))
    await using oci = await open()
    expect((await face(oci, registry.reference("app:1"), digest)).bytes.equals(noise)).toBe(true)
    expect(registry.log.ranges(digest).filter(([start]) => start > 0).length).toBeGreaterThanOrEqual(1)
  })
})

const large = contentOfSegments([[new Prng(8).bytes(2 ** 20), 48]])
const largeDigest = (await measure(large.read(0, large.size))).digest
/** Bytes that sockets and kernels hold on loopback, beside what the client holds. */
const buffered = 16 * 2 ** 20

const withLarge = async () => {
  const registry = await startRegistry()
  registry.addBlob("app", large, largeDigest)
  return registry
}
/** Bytes that were sent, once that stands still. */
const sentBy = async (registry: TestRegistry) => {
  for (let before = -1; ; await sleep(100)) {
    const sent = registry.log.where({ kind: "blob", method: "GET" }).reduce((sum, it) => sum + it.sent, 0)
    if (sent === before) return sent
    before = sent
  }
}

describe("a reader that takes its time", () => {
  test("of blob holds the connection back, and closes it when it leaves", async () => {
    await using registry = await withLarge()
    await using oci = await open()
    const reading = oci.blob(registry.reference("app"), largeDigest)[Symbol.asyncIterator]()
    for (let n = 0; n < 3; n++) await reading.next()
    expect(await sentBy(registry)).toBeLessThan(buffered)
    await reading.return?.()
    await expect.poll(() => registry.log.where({ kind: "blob", state: "open" }).length).toBe(0)
    expect(await reading.next()).toEqual({ done: true, value: undefined })
    expect(await sentBy(registry)).toBeLessThan(large.size)
  })

  test("of blob$ with project does too", async () => {
    await using registry = await withLarge()
    await using oci = await open()
    const never = new Promise(() => {})
    const reading = oci.blob$(registry.reference("app"), largeDigest, {}, () => never).subscribe()
    await expect.poll(() => registry.log.count({ kind: "blob", method: "GET" })).toBe(1)
    expect(await sentBy(registry)).toBeLessThan(buffered)
    reading.unsubscribe()
    await oci.settled()
    await expect.poll(() => registry.log.where({ kind: "blob", state: "open" }).length).toBe(0)
  })

  test("that takes no more than it needs ends the download", async () => {
    await using registry = await withLarge()
    await using oci = await open()
    expect(
      await firstValueFrom(oci.blob$(registry.reference("app"), largeDigest).pipe(take(2), toArray()))
    ).toHaveLength(2)
    await oci.settled()
    await expect.poll(() => registry.log.where({ kind: "blob", state: "open" }).length).toBe(0)
    expect(await sentBy(registry)).toBeLessThan(large.size)
  })
})

test("a signal ends it with its reason", async () => {
  await using registry = await withLarge()
  await using oci = await open()
  const controller = new AbortController()
  const reading = oci
    .blob(registry.reference("app"), largeDigest, { signal: controller.signal })
    [Symbol.asyncIterator]()
  await reading.next()
  controller.abort("enough")
  expect(
    await (async () => {
      for (;;) if ((await reading.next()).done === true) return "done"
    })().catch((error: unknown) => error)
  ).toBe("enough")
})

test.each([
  ["sha256:nothing", "InvalidReference"],
  ["latest", "InvalidReference"],
  [`blake3:${"a".repeat(64)}`, "UnsupportedDigest"],
  [`sha256:${"a".repeat(64)}`, "BlobNotFound"]
])("%s is a %s", async (digest, tag) => {
  await using registry = await served()
  await using oci = await open()
  expect(await reasonOf(lastValueFrom(oci.blob$(registry.reference("app:1"), digest)))).toMatchObject({ _tag: tag })
})

test.each(["sha384", "sha512"])("a blob by its %s is proven by that", async (algorithm) => {
  await using registry = await served()
  const digest = sha(algorithm, noise)
  registry.addBlob("app", noise, digest)
  await using oci = await open()
  const { bytes } = await seenOf(oci.blob(registry.reference("app"), digest))
  expect(bytes.equals(noise)).toBe(true)
})

test("a blob of `limits.blobBytes` is read, and one of a byte more is not asked for", async () => {
  await using registry = await served()
  await using exact = await open({ limits: { blobBytes: noise.length } })
  expect((await seenOf(exact.blob(registry.reference("app"), digest))).bytes.length).toBe(noise.length)
  await using less = await open({ limits: { blobBytes: noise.length - 1 } })
  registry.log.clear()
  expect(
    (await rejection(less.blob(registry.reference("app"), digest)[Symbol.asyncIterator]().next())).reason
  ).toMatchObject({
    _tag: "LimitExceeded",
    limit: "blobBytes"
  })
  expect(registry.log.count({ method: "GET", kind: "blob" })).toBe(0)
})

test.each([
  ["refuses HEAD", { origin: "storage", method: "HEAD" }, fault.status(403)],
  ["has no HEAD", { kind: "blob", method: "HEAD" }, fault.status(405)],
  ["tells a length of 0", { kind: "blob", method: "HEAD" }, fault.header("content-length", "0")]
] as const)("a registry that %s is asked for the first byte", async (_, on, action) => {
  await using registry = await startRegistry({ images: { "app:1": app }, storage: true })
  registry.addBlob("app", noise)
  registry.fault(on, action)
  await using oci = await open()
  expect((await seenOf(oci.blob(registry.reference("app"), digest))).bytes.equals(noise)).toBe(true)
})

test("blobs of a file are read as well", async () => {
  await using oci = await open()
  const layout = await writeFiles(join(oci.root, "layout"), layoutOf([[tagged("1"), app]]))
  const layer = app.manifests[0]?.layers[0]?.digest ?? ""
  const wanted = await collect(app.blobs.get(layer) ?? expect.unreachable())
  const pieces = oci.blob$(`oci:${layout}`, layer).pipe(
    concatMap((chunk) => [chunk]),
    toArray()
  )
  expect(Buffer.concat(await firstValueFrom(pieces)).equals(wanted)).toBe(true)
  expect(await reasonOf(lastValueFrom(oci.blob$(`oci:${layout}`, digest)))).toMatchObject({ _tag: "BlobNotFound" })
})
