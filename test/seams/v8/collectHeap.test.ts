import { syncBuiltinESMExports } from "node:module"
import v8 from "node:v8"
import { afterAll, afterEach, describe, expect, test, vi } from "vitest"
import { collectIfGrown, countRead } from "../../../src/seams/v8/collectHeap.ts"
import { image, Prng, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"

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
  const young = gc.mock.calls.filter(([options]) => options.type === "minor")
  expect(young.length).toBeGreaterThanOrEqual(2)
  expect(young.length).toBeLessThanOrEqual(3)
})

test("a process without `gc` has nothing collected", () => {
  vi.stubGlobal("gc", undefined)
  expect(() => countRead(64 * megabyte)).not.toThrow()
})

describe("the heap as a whole", () => {
  const heap = vi.spyOn(v8, "getHeapStatistics")
  syncBuiltinESMExports()
  const uses = (megabytes: number) => void heap.mockReturnValue({ used_heap_size: megabytes * megabyte } as v8.HeapInfo)
  afterAll(() => {
    heap.mockRestore()
    syncBuiltinESMExports()
  })

  test("is collected for layers that have let it grow by a quarter, and then when it has grown again", () => {
    const gc = vi.fn()
    vi.stubGlobal("gc", gc)
    const counts: Array<number> = []
    // It falls to 21 MB once it was collected, by the time of the next layer but one.
    const rests = Array.from({ length: 8 }, () => 21)
    for (const used of [20, 20, 20, 20, 20, 22, 24, 25, 25, 30, ...rests, 26, 27]) {
      uses(used)
      collectIfGrown()
      counts.push(gc.mock.calls.length)
    }
    expect(counts.slice(5, 10)).toEqual([0, 0, 1, 1, 1])
    expect(counts.slice(-2)).toEqual([1, 2])
    expect(gc).toHaveBeenCalledWith({ type: "major", execution: "async" })
  })

  test("is left alone where it is so large that this takes long", () => {
    const gc = vi.fn()
    vi.stubGlobal("gc", gc)
    for (const used of [120, 120, 120, 120, 120, 120, 120, 120, 129, 170]) {
      uses(used)
      collectIfGrown()
    }
    expect(gc).not.toHaveBeenCalled()
  })
})
