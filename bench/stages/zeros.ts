import { bigLayer, image } from "../../src/testing/index.ts"
import type { Bench } from "../Bench.ts"
import type { Figure } from "../measure/Figure.ts"
import { syntheticPull } from "../measure/syntheticPull.ts"

export const question = "How much memory does a layer of 5 GB take, 5 MB of blob that swell a thousandfold?"

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const layer = await bigLayer({ size: bench.options.quick ? 5e7 : 5e9 })
  return syntheticPull(bench, "a layer of 5 GB", { "zeros:latest": await image({ layers: [layer] }) })
}
