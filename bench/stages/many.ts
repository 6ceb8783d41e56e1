import { image, type TestImage } from "../../src/testing/index.ts"
import type { Bench } from "../Bench.ts"
import type { Figure } from "../measure/Figure.ts"
import { syntheticPull } from "../measure/syntheticPull.ts"

export const question = "What do 100 pulls at once in one process take, each of an image of its own?"

const make = async (index: number): Promise<readonly [string, TestImage]> => {
  const body = Buffer.alloc(2 ** 20, `${index} `)
  const layers = [1, 2].map((layer) => ({ files: { [`image-${index}/layer-${layer}`]: body } }))
  return [`many-${index}:latest`, await image({ layers })]
}

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const images = await Promise.all(Array.from({ length: 100 }, (_, index) => make(index)))
  return syntheticPull(bench, "100 pulls at once", Object.fromEntries(images))
}
