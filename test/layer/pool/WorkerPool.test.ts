/** Workers of silent layers do not count. Their silence is as the test says; their threads are real. */
import { afterEach, expect, test, vi } from "vitest"
import { ExtractionWorker } from "../../../src/layer/pool/ExtractionWorker.ts"
import { silentAfter, WorkerPool } from "../../../src/layer/pool/WorkerPool.ts"

const silence = (millis: number) => vi.spyOn(ExtractionWorker.prototype, "silence", "get").mockReturnValue(millis)
afterEach(() => {
  vi.restoreAllMocks()
})

const opened = (size: number, silent: number) => {
  const pool = new WorkerPool(size, silent)
  const given: Array<string> = []
  const take = (name: string, isReady = true) => pool.take(() => void given.push(name), { isReady })
  return { pool, given, take, [Symbol.asyncDispose]: () => pool.close() }
}

test("as many workers are taken as there are, and silent ones beyond that, up to a bound", async () => {
  await using one = opened(1, 2)
  silence(silentAfter)
  for (const name of ["a", "b", "c", "d"]) one.take(name)
  expect(one.given).toEqual(["a", "b", "c"])
})

test("a layer that falls silent later frees a place", async () => {
  await using one = opened(1, 2)
  const spy = silence(silentAfter - 1)
  one.take("a")
  one.take("b")
  expect(one.given).toEqual(["a"])
  spy.mockReturnValue(silentAfter)
  await expect.poll(() => one.given).toEqual(["a", "b"])
})

test("who has nothing to extract yet takes what is free, and else waits until it has", async () => {
  await using one = opened(1, 2)
  silence(silentAfter)
  const places = ["a", "b", "c"].map((name) => one.take(name, false))
  expect(one.given).toEqual(["a"])
  one.take("d")
  expect(one.given).toEqual(["a", "d"])
  places[2]?.ready()
  expect(one.given).toEqual(["a", "d", "c"])
  places[1]?.leave()
  places[1]?.ready()
  expect(one.given).toEqual(["a", "d", "c"])
})

test("a pull that begins while all layers are silent has a worker made in time", async () => {
  await using one = opened(1, 2)
  const spy = silence(0)
  one.take("a")
  one.pool.warm()
  one.take("b", false)
  expect(one.given).toEqual(["a"])
  spy.mockReturnValue(silentAfter)
  one.pool.warm()
  one.take("c", false)
  expect(one.given).toEqual(["a", "c"])
})

test("a spare worker is one for a core that neither the event loop nor a layer has, or will have", async () => {
  await using four = opened(4, 2)
  four.take("a")
  const over = four.pool.expect(3)
  expect(four.pool.takeSpare()).toBeUndefined()
  over()
  expect(four.pool.takeSpare()).toBeDefined()
  expect(four.pool.takeSpare()).toBeUndefined()
  over()
  expect(four.pool.takeSpare()).toBeDefined()
  // It is nobody's place in the line.
  for (const name of ["b", "c", "d", "e"]) four.take(name)
  expect(four.given).toEqual(["a", "b", "c", "d"])
})

test("what is said to be over more often than it was expected counts once", async () => {
  await using three = opened(3, 2)
  three.take("a")
  three.pool.expect(2)
  const over = three.pool.expect(1)
  for (let i = 0; i < 3; i++) over()
  expect(three.pool.takeSpare()).toBeUndefined()
})
