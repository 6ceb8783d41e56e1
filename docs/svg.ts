/** Terminal text with colours as an SVG, for pages that cannot show a terminal. */

const foregrounds: Readonly<Record<number, string>> = {
  31: "#ff7b72",
  32: "#3fb950",
  33: "#d29922",
  36: "#39c5cf"
}
const [text, dimmed, background, border] = ["#e6edf3", "#7d8590", "#0d1117", "#30363d"]
const [cell, line, pad, bar] = [8.43, 21, 20, 34]

interface Span {
  readonly text: string
  readonly fill: string
  readonly bold: boolean
}

const escaped = (text: string) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c] ?? c)

/** Pieces of one style each; only the styles that ociflow's frames use are known. */
const spans = (ansi: string): ReadonlyArray<Span> => {
  const found: Array<Span> = []
  let [color, bold, dim] = [undefined as string | undefined, false, false]
  for (const [, codes, text = ""] of ansi.matchAll(/(?:\u001b\[([\d;]*)m)|([^\u001b]+)/g)) {
    for (const code of (codes ?? "").split(";").filter(Boolean).map(Number)) {
      if (code === 1) bold = true
      if (code === 2) dim = true
      if (code === 22) [bold, dim] = [false, false]
      if (code === 39) color = undefined
      color = foregrounds[code] ?? color
    }
    const shade = dim ? (color === undefined ? dimmed : `${color}66`) : (color ?? globalText)
    if (text !== "") found.push({ text, fill: shade, bold: bold && !dim })
  }
  return found
}
const globalText = text

/** @param title what stands in the window's bar */
export const toSvg = (ansi: string, title: string, columns: number): string => {
  const lines = ansi.split("\n")
  const width = Math.round(columns * cell + 2 * pad)
  const height = bar + lines.length * line + 2 * pad - 6
  const rows = lines.map((row, y) => {
    let x = 0
    const pieces = spans(row).map((span) => {
      const at = pad + x * cell
      const length = span.text.length * cell
      x += span.text.length
      if (span.text.trim() === "") return ""
      const weight = span.bold ? ' font-weight="700"' : ""
      return `<tspan x="${at.toFixed(1)}" textLength="${length.toFixed(1)}" fill="${span.fill}"${weight}>${escaped(span.text)}</tspan>`
    })
    return `  <text y="${bar + pad + 8 + y * line}" xml:space="preserve">${pieces.join("")}</text>`
  })
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map((fill, i) => `<circle cx="${22 + i * 20}" cy="17" r="6" fill="${fill}"/>`)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
  <rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="9" fill="${background}" stroke="${border}"/>
  ${dots.join("")}
  <text x="${width / 2}" y="21" text-anchor="middle" font-family="ui-sans-serif, system-ui, sans-serif" font-size="12" fill="${dimmed}">${escaped(title)}</text>
  <g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">
${rows.join("\n")}
  </g>
</svg>
`
}
