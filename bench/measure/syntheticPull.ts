/** A pull of images that only this process has: its registry is here, the puller in a process of its own. */
import { startRegistry, type TestImage } from "../../src/testing/index.ts"
import type { Bench } from "../Bench.ts"
import { type Figure, figure } from "./Figure.ts"
import { pullProcess } from "./pullProcess.ts"
import { spread } from "./statistics.ts"

export const syntheticPull = async (
  bench: Bench,
  what: string,
  images: Readonly<Record<string, TestImage>>
): Promise<ReadonlyArray<Figure>> => {
  await using registry = await startRegistry({ images })
  const disk = await bench.disk()
  const references = Object.keys(images).map(registry.reference)
  const peak: Array<number> = []
  const wall: Array<number> = []
  for (let round = 0; round < bench.rounds(3); round++) {
    const root = await disk.fresh()
    const done = await pullProcess({ root, references })
    await disk.remove(root)
    peak.push(done.peak / 1e6)
    wall.push(done.inside.pull / 1000)
  }
  return [figure(`peak memory, ${what}`, "MB", spread(peak)), figure(`time, ${what}`, "s", spread(wall))]
}
