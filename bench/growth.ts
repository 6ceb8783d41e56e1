/** `npm run bench -- growth`: the stage `catalogue`, kept; with files, earlier runs of it side by side, as a picture. */
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { escaped, style } from "./against/plot.ts"
import type { Bench } from "./Bench.ts"
import { type Figure, figuresTable } from "./measure/Figure.ts"
import { digits, table } from "./measure/table.ts"
import { run, sizes, told } from "./stages/catalogue.ts"

interface Run {
  readonly name: string
  readonly figures: ReadonlyArray<Figure>
}

const of = ({ figures }: Run, what: string, size: number): Figure | undefined =>
  figures.find((figure) => figure.what === `${what}, among ${size}`)

const [width, height] = [860, 560]
const [wide, high] = [310, 170]
/** Milliseconds. */
const [least, most] = [1, 10_000]

const panel = (runs: ReadonlyArray<Run>, what: string, left: number, top: number): string => {
  const x = (size: number) => left + (Math.log10(size / 100) / 2) * wide
  const y = (millis: number) =>
    top + high - (Math.log10(Math.max(millis, least) / least) / Math.log10(most / least)) * high
  const at = (value: number) => value.toFixed(1)
  const grid = [1, 10, 100, 1_000, 10_000].map(
    (millis) =>
      `<line class="grid" x1="${left}" y1="${at(y(millis))}" x2="${left + wide}" y2="${at(y(millis))}"/>` +
      `<text class="quiet" x="${left - 8}" y="${at(y(millis) + 4)}" text-anchor="end">${millis < 1000 ? `${millis} ms` : `${millis / 1000} s`}</text>`
  )
  const scale = sizes.map(
    (size) => `<text class="quiet" x="${at(x(size))}" y="${top + high + 16}" text-anchor="middle">${size}</text>`
  )
  const lines = runs.map((run, index) => {
    const ours = index === runs.length - 1 ? " ours" : ""
    const points = sizes.flatMap((size) => {
      const figure = of(run, what, size)
      return figure === undefined ? [] : [{ x: x(size), ...figure }]
    })
    const path = points.map((it) => `${at(it.x)},${at(y(it.value))}`).join(" ")
    const spreads = points.map(({ x, low, high }) =>
      low !== undefined && high !== undefined
        ? `<line class="line${ours}" x1="${at(x)}" y1="${at(y(low))}" x2="${at(x)}" y2="${at(y(high))}"/>`
        : ""
    )
    const last = points.at(-1)
    const said =
      last &&
      `<text class="${ours.trim()}" x="${at(last.x + 6)}" y="${at(y(last.value) + 4)}">${digits(last.value)}</text>`
    return `<polyline class="line${ours}" points="${path}"/>${spreads.join("")}${said ?? ""}`
  })
  return [`<text class="title" x="${left}" y="${top - 12}">${escaped(what)}</text>`, ...grid, ...scale, ...lines].join(
    "\n"
  )
}

export const growthPlot = (runs: ReadonlyArray<Run>): string => {
  const names = runs.map(({ name }, index) => (index === runs.length - 1 ? `${name} in blue` : `${name} in grey`))
  const panels = told.map((what, index) => panel(runs, what, 70 + (index % 2) * 410, 84 + Math.floor(index / 2) * 250))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Milliseconds by images in the catalogue">
<style>${style}
</style>
<rect class="paper" width="${width}" height="${height}" rx="8"/>
<text class="quiet" x="16" y="26">Time by images in the catalogue, 8 layers each: medians with their middle half, both axes logarithmic. ${escaped(names.join(", "))}. Less is better.</text>
${panels.join("\n")}
</svg>
`
}

const growthTable = (runs: ReadonlyArray<Run>): string =>
  table(
    ["ms", ...runs.flatMap(({ name }) => sizes.map((size) => `${name}, ${size}`))],
    told.map((what) => [
      what,
      ...runs.flatMap((run) => sizes.map((size) => digits(of(run, what, size)?.value ?? Number.NaN)))
    ])
  )

export const growth = async (bench: Bench, files: ReadonlyArray<string>): Promise<void> => {
  const out = bench.options.out ?? "."
  await mkdir(out, { recursive: true })
  if (files.length === 0) {
    const figures = await run(bench)
    await writeFile(join(out, "catalogue.json"), JSON.stringify(figures))
    return console.log(figuresTable(figures))
  }
  const runs = await Promise.all(
    files.map(async (file): Promise<Run> => {
      return { name: basename(file, ".json"), figures: JSON.parse(await readFile(file, "utf8")) }
    })
  )
  await writeFile(join(out, "catalogue.svg"), growthPlot(runs))
  console.log(growthTable(runs))
}
