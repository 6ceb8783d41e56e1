import { afterEach, expect, test, vi } from "vitest"
import { countRead } from "../../src/seams/readBuffers.ts"
import { image, Prng, startRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"

const megabyte = 2 ** 20

afterEach(() => void vi.unstubAllGlobals())

test("a collection for each 8 MB that arrived, of the young generation alone", () => {
  const gc = vi.fn()
  vi.stubGlobal("gc", gc)
  for (let read = 0; read < 80; read++) countRead(megabyte)
  expect(gc).toHaveBeenCalledTimes(10)
  expect(gc).toHaveBeenCalledWith(expect.objectContaining({ type: "minor" }))
})

test("chunks of a byte count as what each takes beside its byte", () => {
  const gc = vi.fn()
  vi.stubGlobal("gc", gc)
  for (let read = 0; read < megabyte; read++) countRead(1)
  expect(gc.mock.calls.length).toBeGreaterThanOrEqual(20)
  expect(gc.mock.calls.length).toBeLessThanOrEqual(30)
})

test("a pull counts the bytes of its blobs", async () => {
  const gc = vi.fn()
  vi.stubGlobal("gc", gc)
  const noise = new Prng("read buffers").bytes(20 * megabyte)
  const made = await image({ layers: [{ files: { noise } }] })
  await using registry = await startRegistry({ images: { "noise:1": made } })
  await using oci = await open()
  await oci.pull(registry.reference("noise:1"))
  // 20 MB that do not shrink; how much was left from before is not known.
  expect(gc.mock.calls.length).toBeGreaterThanOrEqual(2)
  expect(gc.mock.calls.length).toBeLessThanOrEqual(3)
})

test("a process without `gc` has nothing collected", () => {
  vi.stubGlobal("gc", undefined)
  expect(() => countRead(64 * megabyte)).not.toThrow()
})
