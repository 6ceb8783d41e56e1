import { cachedDataVersionTag } from "node:v8"
import { expect, test } from "vitest"
import { spareWasm, sparing } from "../../../src/seams/v8/spareWasm.ts"

const usual = cachedDataVersionTag()

test("a library changes no flag of the process", async () => {
  expect(await sparing(async () => cachedDataVersionTag())).toBe(usual)
})

test("the flag is changed while something is compiled, and V8's own again afterwards", async () => {
  spareWasm()
  const meanwhile: Array<number> = []
  const compile = async (result: Promise<number>) => {
    meanwhile.push(cachedDataVersionTag())
    return result
  }
  const first = sparing(() => compile(Promise.resolve(1)))
  const second = sparing(() => compile(Promise.reject(new Error("no module"))))
  expect(await first).toBe(1)
  await expect(second).rejects.toThrow("no module")
  expect(meanwhile).not.toContain(usual)
  expect(cachedDataVersionTag()).toBe(usual)
})
