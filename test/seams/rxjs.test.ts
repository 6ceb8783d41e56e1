import * as barrel from "rxjs"
import { expect, test } from "vitest"
import * as modules from "../../src/seams/rxjs.ts"

test("what is imported by RxJS's own modules is what its barrel exports", () => {
  const names = Object.keys(modules)
  expect(names).toContain("Observable")
  for (const name of names) expect(Reflect.get(modules, name), name).toBe(Reflect.get(barrel, name))
})
