import { expect, test } from "vitest"
import { done, serialIterator } from "../../src/read/serialIterator.ts"

test("steps that are asked for at once run one after the other, also after one that fails", async () => {
  const log: Array<string> = []
  let count = 0
  const step = async () => {
    const n = ++count
    log.push(`begin ${n}`)
    await new Promise((resolve) => setImmediate(resolve))
    log.push(`end ${n}`)
    if (n === 2) throw new Error("two")
    return n > 3 ? done : ({ done: false, value: n } as const)
  }
  const iterator = serialIterator(step, async () => {})
  const all = await Promise.allSettled([iterator.next(), iterator.next(), iterator.next(), iterator.next()])
  expect(all.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"])
  expect(all[3]).toMatchObject({ value: { done: true } })
  expect(log).toEqual([1, 2, 3, 4].flatMap((n) => [`begin ${n}`, `end ${n}`]))
})

test("return closes without waiting for a step", async () => {
  let isClosed = false
  const iterator = serialIterator<number>(
    () => new Promise(() => {}),
    async () => {
      isClosed = true
    }
  )
  void iterator.next()
  expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
  expect(isClosed).toBe(true)
})
