/** The result as a picture: one panel per image, a bar per way, its runs as dots. Drawn by hand: it is only rectangles. */
import { quantile } from "../measure/statistics.ts"
import { counted, digits } from "../measure/table.ts"
import { type Result, ratios, runsOf } from "./Result.ts"
import { ranking } from "./report.ts"

const width = 860
const labels = 190
const values = 110
const row = 22
const head = 44
const left = labels + 8
const right = width - values

export const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

/** Steps of 1, 2 or 5 times a power of ten, some five of them up to `max`. */
const ticks = (max: number): ReadonlyArray<number> => {
  const power = 10 ** Math.floor(Math.log10(max / 5))
  const step = [1, 2, 5, 10].map((it) => it * power).find((it) => max / it <= 6) ?? max
  return Array.from({ length: Math.floor(max / step) + 1 }, (_, index) => index * step)
}

export const style = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 14px }
  .quiet { fill: #59636e; font-size: 11px; font-weight: 400 }
  .ours { font-weight: 600 }
  .paper { fill: #ffffff }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .bar { fill: #b6c2cf } .bar.ours { fill: #2f81f7 }
  .line { fill: none; stroke: #8c959f; stroke-width: 2 } .line.ours { stroke: #2f81f7 }
  .dot { fill: #1f2328; fill-opacity: .45 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .quiet { fill: #9198a1 } .paper { fill: #0d1117 } .grid { stroke: #3d444d }
    .bar { fill: #56606b } .dot { fill: #f0f6fc }
  }`

const panel = (result: Result, image: string, top: number): { readonly svg: string; readonly height: number } => {
  const ranked = ranking(result, image)
  const max = Math.max(...ranked.map(({ wall }) => wall.max))
  const x = (seconds: number) => left + (seconds / max) * (right - left)
  const bottom = top + head + ranked.length * row
  const at = (value: number) => value.toFixed(1)
  const grid = ticks(max).map(
    (tick) =>
      `<line class="grid" x1="${at(x(tick))}" y1="${top + head - 4}" x2="${at(x(tick))}" y2="${bottom}"/>` +
      `<text class="quiet" x="${at(x(tick))}" y="${bottom + 14}" text-anchor="middle">${Number(tick.toPrecision(3))} s</text>`
  )
  const bars = ranked.map(({ name, wall }, index) => {
    const y = top + head + index * row
    const mine = name.includes("ociflow") ? " ours" : ""
    const to = name === "ociflow" ? [] : ratios(result, image, name, "ociflow", "wall")
    const times = to.length === 0 ? "" : ` <tspan class="quiet">×${digits(quantile(to, 0.5))}</tspan>`
    const dots = runsOf(result, image, name).map(
      (run) => `<circle class="dot" cx="${at(x(run.wall))}" cy="${y + row / 2 - 1}" r="2"/>`
    )
    return [
      `<text class="${mine.trim()}" x="${labels}" y="${y + 14}" text-anchor="end">${escaped(name)}</text>`,
      `<rect class="bar${mine}" x="${left}" y="${y + 3}" width="${at(x(wall.median) - left)}" height="${row - 8}" rx="2"/>`,
      ...dots,
      `<text class="${mine.trim()}" x="${right + 10}" y="${y + 14}">${digits(wall.median)} s${times}</text>`
    ].join("")
  })
  const about = result.images.find(({ name }) => name === image)
  const subtitle = about && `${counted(about.layers, "layer")}, ${digits(about.bytes / 1e6)} MB compressed`
  return {
    svg: [
      `<text class="title" x="${left}" y="${top + 18}">${escaped(image)} <tspan class="quiet">${subtitle ?? ""}</tspan></text>`,
      ...grid,
      ...bars
    ].join("\n"),
    height: bottom - top + 34
  }
}

export const plot = (result: Result): string => {
  const panels: Array<string> = []
  let height = 46
  for (const { name } of result.images) {
    const drawn = panel(result, name, height)
    panels.push(drawn.svg)
    height += drawn.height
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Seconds to pull each image, by way">
<style>${style}
</style>
<rect class="paper" width="${width}" height="${height}" rx="8"/>
<text class="quiet" x="16" y="26">Seconds from an empty destination to extracted layers, from a registry on the same machine: median as a bar, each run as a dot. Less is better.</text>
${panels.join("\n")}
</svg>
`
}
