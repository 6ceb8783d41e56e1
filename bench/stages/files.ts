import { image, tar } from "../../src/testing/index.ts"
import type { Bench } from "../Bench.ts"
import type { Figure } from "../measure/Figure.ts"
import { syntheticPull } from "../measure/syntheticPull.ts"

export const question = "What do 200 000 small files in one layer take?"

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const archive = tar("gnu")
  const count = bench.options.quick ? 2_000 : 200_000
  for (let i = 0; i < count; i++) {
    if (i % 100 === 0) archive.directory(`d${i / 100}`)
    archive.file(`d${Math.floor(i / 100)}/f${i}`, `the contents of file ${i}\n`)
  }
  return syntheticPull(bench, "200 000 small files", { "files:latest": await image({ layers: [archive] }) })
}
