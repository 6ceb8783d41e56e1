import type { Bench } from "../Bench.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { layersOf } from "../measure/LocalRegistry.ts"
import { pullProcess } from "../measure/pullProcess.ts"
import { spread } from "../measure/statistics.ts"

export const question = "How long does the caller's event loop wait while a pull runs? A frame of a UI has 16 ms."

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const disk = await bench.disk()
  const delays = async (image: string, rounds: number) => {
    const registry = await bench.registry(image)
    await layersOf(registry, image)
    const seen: Array<{ median: number; p99: number; max: number }> = []
    for (let round = 0; round < rounds; round++) {
      const root = await disk.fresh()
      seen.push((await pullProcess({ root, references: [`${registry}/${image}:latest`], delay: true })).inside.delay)
      await disk.remove(root)
    }
    return (name: "median" | "p99" | "max") => spread(seen.map((delay) => delay[name]))
  }
  const all = await delays(bench.options.images?.[0] ?? (bench.options.quick ? "small" : "nodeapp"), bench.rounds(5))
  const small = await delays("small", bench.rounds(11))
  return [
    figure("event-loop delay while pulling, median", "ms", all("median")),
    figure("event-loop delay while pulling, 99th percentile", "ms", all("p99")),
    figure("event-loop delay while pulling, longest", "ms", all("max")),
    figure("event-loop delay in a first pull of `small`, longest", "ms", small("max"))
  ]
}
