import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { parts } from "../../bench/compare/trees.ts"

const root = join(import.meta.dirname, "../..")

test("what is copied of this tree to be compared is there", () => {
  for (const part of parts) expect(existsSync(join(root, part)), part).toBe(true)
})

test("every file that the build command names is copied", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const named = scripts.build.split(/\s+/).filter((word: string) => existsSync(join(root, word)))
  expect(named).toContain(".build/build.ts")
  for (const file of named) expect(parts).toContain(file.split("/")[0])
})
