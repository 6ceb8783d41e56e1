/** A pull of images that only this process has: its registry is here, each puller a process of its own. */
import { startRegistry, type TestImage } from "../../src/testing/index.ts"
import type { Bench } from "../Bench.ts"
import { pullCommand } from "../peers/ociflow.ts"
import { measure } from "./Command.ts"
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
  const [first = "", ...more] = references
  const ways = {
    "": (root: string) => pullProcess({ root, references }),
    // Which takes one reference.
    ...(more.length === 0 && { ", command line": (root: string) => measure(pullCommand(root, first)) })
  }
  const figures: Array<Figure> = []
  for (const [way, pull] of Object.entries(ways)) {
    const peak: Array<number> = []
    const wall: Array<number> = []
    for (let round = 0; round < bench.rounds(3); round++) {
      const root = await disk.fresh()
      const done = await pull(root)
      await disk.remove(root)
      peak.push(done.peak / 1e6)
      wall.push(done.wall)
    }
    figures.push(figure(`peak memory, ${what}${way}`, "MB", spread(peak)))
    figures.push(figure(`time, ${what}${way}`, "s", spread(wall)))
  }
  return figures
}
