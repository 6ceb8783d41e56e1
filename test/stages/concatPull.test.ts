import { EMPTY, firstValueFrom, of } from "rxjs"
import { expect, onTestFinished, test } from "vitest"
import { concatPull } from "../../src/stages/concatPull.ts"

const endingWith = (end: () => Promise<never>): AsyncIterable<number> => ({
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: 1 }), return: end })
})

test("an iterable that cannot be ended is nobody's unhandled rejection", async () => {
  const unhandled: Array<unknown> = []
  const note = (error: unknown) => void unhandled.push(error)
  process.on("unhandledRejection", note)
  onTestFinished(() => void process.off("unhandledRejection", note))
  let ends = 0
  const end = async () => {
    ends += 1
    throw new Error("it cannot be ended")
  }
  expect(await firstValueFrom(concatPull(endingWith(end), (value) => of(value)))).toBe(1)
  concatPull(endingWith(end), () => EMPTY)
    .subscribe()
    .unsubscribe()
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(ends).toBe(2)
  expect(unhandled).toEqual([])
})
