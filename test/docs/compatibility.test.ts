import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { page, sections } from "../compatibility/page.ts"
import { rows as matrix } from "../matrix/rows/index.ts"
import { outcomesOf, readTable } from "../matrix/table.ts"

test("docs/compatibility.md says what the tables of the tests say", async () => {
  await expect(await page()).toMatchFileSnapshot(join(import.meta.dirname, "../../docs/compatibility.md"))
})

test.for(sections)("$title: each line has its law, and no line stands there twice", ({ rows }) => {
  for (const { input, law } of rows) {
    const [file, words] = law
    expect(readFileSync(join(import.meta.dirname, "..", file), "utf8"), `${input}: ${file}`).toContain(words)
  }
  const inputs = rows.map(({ input }) => input)
  expect(inputs.filter((input, at) => inputs.indexOf(input) !== at)).toEqual([])
})

test("its table of the matrix has a line for each row, and none that does not work", async () => {
  const outcomes = [...outcomesOf(await readTable())]
  expect(outcomes.map(([name]) => name)).toEqual(matrix.map(({ name }) => name))
  for (const [name, outcome] of outcomes) expect(outcome, name).toMatch(/^works/)
})
