/** What the suite holds ociflow to: ratios of same-round runs to a peer, and absolute bounds. */
import { quantile } from "../measure/statistics.ts"
import { digits, table } from "../measure/table.ts"
import { type Metric, type Result, ratios, spreadOf } from "./Result.ts"

interface Relative {
  readonly image: string
  readonly metric: Metric
  readonly peer: string
  /** ociflow's name in the run, where it is not the one on this Node. */
  readonly by?: string
  readonly must: number
  readonly aim: number
}

interface Absolute {
  /** The figure's name, or a metric over all images. */
  readonly what: string
  readonly unit: string
  readonly must: number
  readonly aim: number
}

const nodeapp = { image: "nodeapp", metric: "wall" } as const

const relative: ReadonlyArray<Relative> = [
  { ...nodeapp, peer: "seed-rust", must: 0.95, aim: 0.8 },
  { ...nodeapp, peer: "skopeo + pigz + tar ×2", must: 0.7, aim: 0.55 },
  { ...nodeapp, peer: "podman", must: 0.3, aim: 0.22 },
  { ...nodeapp, peer: "ctr (containerd)", must: 0.3, aim: 0.22 },
  { ...nodeapp, peer: "umoci", must: 0.3, aim: 0.22 },
  { ...nodeapp, peer: "undici + node-tar (sync)", must: 0.5, aim: 0.4 },
  { image: "debian", metric: "wall", peer: "seed-rust", by: "ociflow, Node 24", must: 1, aim: 0.8 },
  { image: "debian", metric: "wall", peer: "seed-rust", must: 1.2, aim: 1 },
  { image: "bigfile", metric: "wall", peer: "seed-rust", must: 0.7, aim: 0.55 },
  { image: "bigfile", metric: "wall", peer: "skopeo + pigz + tar ×2", must: 0.6, aim: 0.45 },
  { image: "nodeapp-zstd", metric: "wall", peer: "podman", by: "ociflow, Node 24", must: 0.3, aim: 0.2 },
  { image: "nodeapp-zstd", metric: "wall", peer: "podman", must: 0.5, aim: 0.3 },
  { image: "small", metric: "wall", peer: "podman", must: 1.5, aim: 1 },
  { image: "small", metric: "wall", peer: "undici + node-tar (sync)", must: 1, aim: 0.7 },
  {
    ...{ image: "small", metric: "wall", peer: "undici + node-tar (sync)" },
    ...{ by: "a program with ociflow, Node 24", must: 1.2, aim: 0.9 }
  },
  { image: "nodeapp", metric: "cpu", peer: "seed-rust", must: 1.1, aim: 1 },
  { ...nodeapp, peer: "umoci + mkfs.erofs", by: "ociflow, erofs", must: 0.5, aim: 0.35 },
  { ...nodeapp, peer: "skopeo + tar + mksquashfs", by: "ociflow, erofs", must: 0.5, aim: 0.35 },
  { ...nodeapp, peer: "ociflow pull, layers", by: "ociflow, erofs", must: 1.2, aim: 1 },
  { ...nodeapp, peer: "ociflow pull, layers", by: "ociflow pull, erofs", must: 0.85, aim: 0.7 }
]

export const absolute = {
  small: { what: "pull small, in process", unit: "ms", must: 150, aim: 50 },
  cached: { what: "cached pull, in process", unit: "ms", must: 3, aim: 1.5 },
  delay: { what: "event-loop delay while pulling, 99th percentile", unit: "ms", must: 5, aim: 3 },
  peaks: { what: "peak memory, all images", unit: "MB", must: 150, aim: 120 },
  zeros: { what: "peak memory, a layer of 5 GB", unit: "MB", must: 140, aim: 120 },
  zerosByCommand: { what: "peak memory, a layer of 5 GB, command line", unit: "MB", must: 160, aim: 120 },
  load: { what: 'import "ociflow" beyond an empty program', unit: "ms", must: 80, aim: 50 },
  open: { what: "open(), first in a process", unit: "ms", must: 80, aim: 30 },
  first: { what: "cached pull, first in a process, with import and open()", unit: "ms", must: 150, aim: 100 },
  longest: { what: "event-loop delay in a first pull of `small`, longest", unit: "ms", must: 30, aim: 16 }
} as const satisfies Record<string, Absolute>

const verdict = (value: number, { must, aim }: { must: number; aim: number }) =>
  value <= aim ? "aim met" : value <= must ? "must met" : "**not met**"

export const targetsTable = (result: Result): string => {
  const rows: Array<ReadonlyArray<string>> = []
  for (const target of relative) {
    const by = target.by ?? "ociflow"
    const values = ratios(result, target.image, by, target.peer, target.metric)
    if (values.length === 0) continue
    const value = quantile(values, 0.5)
    const half = `${digits(quantile(values, 0.25))}–${digits(quantile(values, 0.75))}`
    const what = `${target.image}, ${target.metric === "cpu" ? "CPU" : target.metric}${target.by ? ` (${target.by})` : ""}`
    rows.push([what, target.peer, verdict(value, target), digits(value), half, digits(target.must), digits(target.aim)])
  }
  const peaks = result.images.flatMap(({ name }) => spreadOf(result, name, "ociflow", "peak")?.median ?? [])
  const measured = [
    ...(peaks.length === 0
      ? []
      : [{ what: absolute.peaks.what, value: Math.max(...peaks) / 1e6, target: absolute.peaks }]),
    ...Object.values(absolute).flatMap((target) =>
      result.figures.filter(({ what }) => what === target.what).map(({ what, value }) => ({ what, value, target }))
    )
  ]
  for (const { what, value, target } of measured) {
    const bound = (it: number) => `${it} ${target.unit}`
    rows.push([
      what,
      "absolute",
      verdict(value, target),
      `${digits(value)} ${target.unit}`,
      "",
      bound(target.must),
      bound(target.aim)
    ])
  }
  return table(["work", "against", "", "measured", "middle half", "must", "aim"], rows, 3)
}
