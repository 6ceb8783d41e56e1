import { existsSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { parts } from "../../bench/compare/trees.ts"

test("what is copied of this tree to be compared is there", () => {
  for (const part of parts) expect(existsSync(join(import.meta.dirname, "../..", part)), part).toBe(true)
})
