import { lastValueFrom, scan } from "rxjs"
import type { Bench } from "../Bench.ts"
import { timed } from "../Bench.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { layersOf } from "../measure/LocalRegistry.ts"
import { spread } from "../measure/statistics.ts"

export const question = "How fast are an image's entries read with `entries$`, which writes nothing, bodies left alone?"

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const { open } = await import("ociflow")
  const disk = await bench.disk()
  const root = await disk.fresh()
  await using client = await open({ root })
  const figures: Array<Figure> = []
  for (const image of bench.options.images ?? ["debian"]) {
    const registry = await bench.registry(image)
    await layersOf(registry, image)
    const walls: Array<number> = []
    const rates: Array<number> = []
    for (let round = 0; round < bench.rounds(5); round++) {
      let count = 0
      const all = client.entries$(`${registry}/${image}:latest`).pipe(scan((sum) => sum + 1, 0))
      const wall = await timed(async () => {
        count = await lastValueFrom(all, { defaultValue: 0 })
      })
      walls.push(wall)
      rates.push(count / (wall / 1000))
    }
    figures.push(
      figure(`entries$ of ${image}, to the end`, "ms", spread(walls)),
      figure(`entries$ of ${image}, entries`, "/s", spread(rates))
    )
  }
  await client.close()
  await disk.remove(root)
  return figures
}
