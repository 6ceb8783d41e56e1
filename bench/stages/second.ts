import { image, startRegistry, type TableLayerOptions, tableLayer, tar } from "../../src/testing/index.ts"
import { archiveEntries } from "../../src/testing/table/archiveEntries.ts"
import type { Bench } from "../Bench.ts"
import { corpus } from "../measure/corpus.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { pullProcess } from "../measure/pullProcess.ts"
import { random, shuffle, spread } from "../measure/statistics.ts"

export const question =
  "What does the next version of an image cost, of which one package of five has changed: as a whole, and with the option partial?"

const changed = "undici/lib/"

/** Each file of one package has another content, and there is one file more. */
const nextVersion = (archive: Buffer): Buffer => {
  const bytes = Buffer.from(archive)
  const { entries, end } = archiveEntries(bytes)
  for (const { name, start, end } of entries)
    if (name.startsWith(changed) && end > start) bytes[start] = (bytes[start] ?? 0) ^ 1
  return Buffer.concat([bytes.subarray(0, end), tar().file("added", "one file more\n").end().bytes()])
}

const forms: ReadonlyArray<NonNullable<TableLayerOptions["form"]>> = ["zstd:chunked", "estargz"]

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const disk = await bench.disk()
  const { archive } = await corpus()
  const figures: Array<Figure> = []
  const next = random(bench.options.seed)
  for (const form of forms) {
    const [first, second] = await Promise.all([archive, nextVersion(archive)].map((it) => tableLayer(it, { form })))
    if (first === undefined || second === undefined) continue
    const images = { "app:1": await image({ layers: [first] }), "app:2": await image({ layers: [second] }) }
    await using registry = await startRegistry({ images })
    const { digest, size } = images["app:2"].manifests[0]?.layers[0] ?? { digest: "", size: 0 }
    const walls: Record<"whole" | "partial", Array<number>> = { whole: [], partial: [] }
    let sent = 0
    for (let round = 0; round < bench.rounds(7); round++)
      for (const way of shuffle(["whole", "partial"] as const, next)) {
        const root = await disk.fresh()
        const call = { partial: way === "partial" }
        await pullProcess({ references: [registry.reference("app:1")], root, call })
        registry.log.clear()
        const { inside } = await pullProcess({ references: [registry.reference("app:2")], root, call })
        walls[way].push(inside.pull)
        if (way === "partial") sent = registry.log.ranges(digest).reduce((sum, [from, to]) => sum + to - from, 0)
        await disk.remove(root)
      }
    figures.push(figure(`${form}: the layer as a whole`, "MB", spread([size / 1e6])))
    figures.push(figure(`${form}: what partial downloads of it, to the whole`, "", spread([sent / size])))
    for (const way of ["whole", "partial"] as const)
      figures.push(figure(`${form}: the second pull, ${way}`, "ms", spread(walls[way])))
    const ratios = walls.partial.map((wall, round) => wall / (walls.whole[round] ?? wall))
    figures.push(figure(`${form}: the second pull, partial to whole`, "", spread(ratios)))
  }
  return figures
}
