import type { Bench } from "../Bench.ts"
import { timed } from "../Bench.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { layersOf } from "../measure/LocalRegistry.ts"
import { spread } from "../measure/statistics.ts"

export const question =
  "What does it cost to read one file, or the tree that a container sees, from a registry and from the store?"

const path = "etc/os-release"

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const { open } = await import("ociflow")
  const disk = await bench.disk()
  const figures: Array<Figure> = []
  for (const image of bench.options.images ?? ["debian"]) {
    const registry = await bench.registry(image)
    await layersOf(registry, image)
    const reference = `${registry}/${image}:latest`
    for (const from of ["the registry", "the store"]) {
      const root = await disk.fresh()
      await using client = await open({ root, layout: "rootfs" })
      if (from === "the store") await client.pull(reference)
      const walls = { file: [] as Array<number>, tree: [] as Array<number> }
      for (let round = 0; round < bench.rounds(5); round++) {
        walls.file.push(await timed(async () => void (await client.readFile(reference, path))))
        walls.tree.push(
          await timed(async () => {
            for await (const entry of client.tree(reference)) void entry
          })
        )
      }
      figures.push(
        figure(`readFile of ${path} of ${image}, from ${from}`, "ms", spread(walls.file)),
        figure(`tree of ${image} to the end, bodies left alone, from ${from}`, "ms", spread(walls.tree))
      )
      await client.close()
      await disk.remove(root)
    }
  }
  return figures
}
