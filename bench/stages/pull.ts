import type { Bench } from "../Bench.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { layersOf } from "../measure/LocalRegistry.ts"
import { pullProcess } from "../measure/pullProcess.ts"
import { spread } from "../measure/statistics.ts"

export const question =
  "How long is a whole pull: as a process's first act, with its start, and in one that pulled before?"

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const disk = await bench.disk()
  const figures: Array<Figure> = []
  for (const image of bench.options.images ?? ["small", "debian"]) {
    const registry = await bench.registry(image)
    await layersOf(registry, image)
    const first: Array<number> = []
    const later: Array<number> = []
    const outside: Array<number> = []
    const cpu: Array<number> = []
    const peak: Array<number> = []
    for (let round = 0; round < bench.rounds(image === "small" ? 11 : 5); round++) {
      const root = await disk.fresh()
      const references = [`${registry}/${image}:latest`]
      const done = await pullProcess({ root, references })
      const warm = await pullProcess({ root, references, anew: 5 })
      await disk.remove(root)
      first.push(done.inside.open + done.inside.pull)
      later.push(...warm.inside.anew)
      outside.push(done.wall * 1000)
      cpu.push(done.user + done.system)
      peak.push(done.peak / 1e6)
    }
    figures.push(
      figure(`pull ${image}, in process`, "ms", spread(later)),
      figure(`pull ${image}, first in a process, with open()`, "ms", spread(first)),
      figure(`pull ${image}, whole process`, "ms", spread(outside)),
      figure(`pull ${image}, CPU of the process`, "s", spread(cpu)),
      figure(`pull ${image}, peak memory`, "MB", spread(peak))
    )
  }
  return figures
}
