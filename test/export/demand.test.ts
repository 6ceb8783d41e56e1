/** A consumer that is slow, or leaves half-way: what is made is no more than what is taken, and nothing of it stays. */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import { expect, test } from "vitest"
import type { ExportFormat } from "../../src/api/config.ts"
import { exposeGc } from "../../src/seams/v8/exposeGc.ts"
import { bigLayer, image, Prng, startRegistry } from "../../src/testing/index.ts"
import { open, type TestClient } from "../support/open.ts"

const size = 128 * 2 ** 20
/** Its bytes do not deflate: the archive is as large as the tree. */
const layer = await bigLayer({ size, chunk: new Prng(11).bytes(2 ** 20) })
const made = await image({ layers: [layer, { files: { "a/first": "1", "z/last": "2" } }] })
const formats: ReadonlyArray<ExportFormat> = ["tar", "erofs", "docker-archive", "oci-archive"]

/** Half of what would be there if all were made at once; sockets, rings and pieces under way take a part of it. */
const bound = 64 * 2 ** 20

const bytesHeld = () => process.memoryUsage().arrayBuffers

/** An archive of blobs needs no directory of the store at all. */
const left = async (oci: TestClient) => {
  const names = await readdir(join(oci.root, "layers", ".staging"), { recursive: true }).catch(() => [])
  return names.filter((name) => !/^[\da-f-]{36}(?:\.lock)?$/.test(name))
}

test.for(formats)("a slow consumer of the format %s holds up what is made", { timeout: 240_000 }, async (format) => {
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  const before = bytesHeld()
  let [taken, most] = [0, 0]
  for await (const chunk of oci.export(registry.reference("app:1"), { format })) {
    taken += chunk.length
    // As often as the event loop gives others their turn while a pipe is full.
    for (let turns = 0; turns < 3; turns++) await turn()
    most = Math.max(most, bytesHeld() - before)
  }
  expect(taken).toBeGreaterThan(size)
  expect(most).toBeLessThan(bound)
  expect(await left(oci)).toEqual([])
})

test.for(formats)(
  "a consumer of the format %s that leaves half-way leaves nothing",
  { timeout: 240_000 },
  async (format) => {
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await open()
    let taken = 0
    for await (const chunk of oci.export(registry.reference("app:1"), { format })) {
      taken += chunk.length
      if (taken > size / 2) break
    }
    expect(taken).toBeLessThan(size)
    await oci.settled()
    await expect.poll(() => registry.log.where({ kind: "blob", state: "open" }).length).toBe(0)
    expect(await left(oci)).toEqual([])
    // Its workers are free: the next call has them.
    expect(await oci.readFile(registry.reference("app:1"), "z/last", { encoding: "utf8" })).toBe("2")
  }
)

test("what a consumer keeps is seen: the count can tell", { timeout: 240_000 }, async () => {
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  // What earlier tests left would be collected meanwhile, and hide what is kept.
  const { gc } = globalThis
  exposeGc()
  globalThis.gc?.()
  globalThis.gc = gc
  const before = bytesHeld()
  const kept: Array<Uint8Array> = []
  for await (const chunk of oci.export(registry.reference("app:1"), { format: "oci-archive" })) kept.push(chunk)
  expect(bytesHeld() - before).toBeGreaterThan(bound)
  expect(kept.length).toBeGreaterThan(0)
})
