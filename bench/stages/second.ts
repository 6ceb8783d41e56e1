import {
  fault,
  image,
  startRegistry,
  type TableLayerOptions,
  type TestImage,
  tableLayer,
  tar
} from "../../src/testing/index.ts"
import { archiveEntries } from "../../src/testing/table/archiveEntries.ts"
import type { Bench } from "../Bench.ts"
import { corpus } from "../measure/corpus.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { pullProcess } from "../measure/pullProcess.ts"
import { random, shuffle, spread } from "../measure/statistics.ts"

export const question =
  "What does the next version of an image cost as a whole, and with the option partial: one package of five has changed, or files all over it, from a registry that answers after 30 ms?"

const changed = "undici/lib/"
/** Every so many of the entries. */
const scattered = 60
/** Milliseconds before each answer. */
const latency = 30

/** Each file that is chosen has another content, and there is one file more. */
const nextVersion = (archive: Buffer, isChanged: (name: string, at: number) => boolean): Buffer => {
  const bytes = Buffer.from(archive)
  const { entries, end } = archiveEntries(bytes)
  for (const [at, { name, start, end }] of entries.entries())
    if (isChanged(name, at) && end > start) bytes[start] = (bytes[start] ?? 0) ^ 1
  return Buffer.concat([bytes.subarray(0, end), tar().file("added", "one file more\n").end().bytes()])
}

const forms: ReadonlyArray<NonNullable<TableLayerOptions["form"]>> = ["zstd:chunked", "estargz"]

interface Versions {
  readonly what: string
  readonly first: TestImage
  readonly second: TestImage
  readonly latency?: number
}

const ways = ["whole", "partial"] as const

const compared = async (bench: Bench, { what, first, second, latency }: Versions): Promise<ReadonlyArray<Figure>> => {
  const disk = await bench.disk()
  const next = random(bench.options.seed)
  await using registry = await startRegistry({ images: { "app:1": first, "app:2": second } })
  const { digest, size } = second.manifests[0]?.layers[0] ?? { digest: "", size: 0 }
  const walls: Record<"whole" | "partial", Array<number>> = { whole: [], partial: [] }
  let ranges: ReadonlyArray<readonly [number, number]> = []
  for (let round = 0; round < bench.rounds(7); round++)
    for (const way of shuffle(ways, next)) {
      const root = await disk.fresh()
      const call = { partial: way === "partial" }
      await pullProcess({ references: [registry.reference("app:1")], root, call })
      registry.log.clear()
      const near = latency === undefined ? () => {} : registry.fault({}, fault.slow({ latency }))
      const { inside } = await pullProcess({ references: [registry.reference("app:2")], root, call })
      near()
      walls[way].push(inside.pull)
      if (way === "partial") ranges = registry.log.ranges(digest)
      await disk.remove(root)
    }
  const sent = ranges.reduce((sum, [from, to]) => sum + to - from, 0)
  const ratios = walls.partial.map((wall, round) => wall / (walls.whole[round] ?? wall))
  return [
    figure(`${what}: the layer as a whole`, "MB", spread([size / 1e6])),
    figure(`${what}: requests for it, partial`, "", spread([ranges.length])),
    figure(`${what}: what partial downloads of it, to the whole`, "", spread([sent / size])),
    ...ways.map((way) => figure(`${what}: the second pull, ${way}`, "ms", spread(walls[way]))),
    figure(`${what}: the second pull, partial to whole`, "", spread(ratios))
  ]
}

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const { archive } = await corpus()
  const figures: Array<Figure> = []
  for (const form of forms) {
    const made = async (bytes: Buffer) => image({ layers: [await tableLayer(bytes, { form })] })
    const first = await made(archive)
    const second = await made(nextVersion(archive, (name) => name.startsWith(changed)))
    figures.push(...(await compared(bench, { what: form, first, second })))
    const third = await made(nextVersion(archive, (_, at) => at % scattered === 0))
    const what = `${form}, changed all over, at ${latency} ms a request`
    figures.push(...(await compared(bench, { what, first, second: third, latency })))
  }
  return figures
}
