import { fileURLToPath } from "node:url"
import type { Bench } from "../Bench.ts"
import { measure } from "../measure/Command.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { quantile, spread } from "../measure/statistics.ts"
import { here } from "../peers/ociflow.ts"

export const question =
  "What would more cores than layers give? By the processor time of the busiest thread, which wall time cannot be below."

const script = fileURLToPath(new URL("../processes/threads.mjs", import.meta.url))

/** Workers: as on two cores, where one thread has a layer, and as on four, where a second one decompresses it. */
const ways = { "two cores": 2, "four cores or more": 4 } as const

/** Images of one layer. */
const images = ["debian", "bigfile"]

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const disk = await bench.disk()
  const figures: Array<Figure> = []
  for (const image of bench.options.images ?? images) {
    const reference = `${await bench.registry(image)}/${image}:latest`
    const busiest: Record<string, Array<number>> = {}
    const all: Record<string, Array<number>> = {}
    for (let round = 0; round < bench.rounds(5); round++)
      for (const [name, workers] of Object.entries(ways)) {
        const root = await disk.fresh()
        const job = JSON.stringify({ tree: here, root, reference, options: { workers } })
        const { stdout } = await measure({ argv: [process.execPath, script, job] })
        await disk.remove(root)
        const { threads } = JSON.parse(stdout) as { readonly threads: ReadonlyArray<number> }
        busiest[name] = [...(busiest[name] ?? []), Math.max(...threads)]
        all[name] = [...(all[name] ?? []), threads.reduce((sum, millis) => sum + millis, 0)]
      }
    for (const name of Object.keys(ways)) {
      figures.push(figure(`${image}, as on ${name}: the busiest thread`, "ms", spread(busiest[name] ?? [])))
      figures.push(figure(`${image}, as on ${name}: all threads`, "ms", spread(all[name] ?? [])))
    }
    const [alone = [], together = []] = Object.keys(ways).map((name) => busiest[name])
    const ratios = together.map((millis, round) => millis / (alone[round] ?? quantile(alone, 0.5)))
    figures.push(figure(`${image}: the busiest thread, against two cores`, "", spread(ratios)))
  }
  return figures
}
