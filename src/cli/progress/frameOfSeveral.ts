/**
 * One picture of several pulls: a line for each image, in the order they were given, with the bars of its layers beneath as far
 * as there is room. A pure function of views and options.
 *
 *     ⠹ debian:12   48 %  47.02 MiB / 90.60 MiB  6.10 MiB/s  7.2 s left
 *       6d11c181  ===================+++------------------  12.00 MiB / 29.00 MiB  3120 entries
 *     ✓ alpine:3    in 1.2 s  2.90 MiB/s on average
 *     ✗ app:none    ManifestNotFound
 */
import { printable } from "../../api/printable.ts"
import { formatBytes } from "../../progress/format.ts"
import type { PullView } from "../../progress/PullView.ts"
import { countdown, type FrameOptions, formatMark, formatWhole, frame, layerLines } from "./frame.ts"
import { paintLine, spaced } from "./line.ts"

/** The views by the references as they were given. */
export type PullViews = ReadonlyMap<string, PullView>

/** Characters that `100 %  1023.00 MiB/s  59 min 59 s left` takes, and those before the name and behind it. */
const numbersWidth = 38
const besideName = 4

/** The tag is at the end, and tells most. */
const cutStart = (text: string, width: number): string =>
  text.length <= width ? text : `…${text.slice(text.length - width + 1)}`

const isOver = ({ phase }: PullView) => phase === "done" || phase === "failed"

const stateOf = (view: PullView, { failed }: FrameOptions) => {
  if (view.phase === "done") return "done"
  return view.phase === "failed" || failed === true ? "failed" : "moving"
}

/** With the bytes where there is room for them. */
const numbers = (view: PullView, width: number, { now, failed }: FrameOptions): string => {
  if (view.phase === "failed") return printable(view.error?.reason?._tag ?? "failed")
  if (view.phase === "resolving") return view.retry === undefined ? "" : countdown(view.retry, now)
  if (failed === true && view.phase !== "done") return ""
  const whole = formatWhole(view)
  const [share = "", ...more] = whole.split("  ")
  const bytes = view.total === 0 ? [] : [`${formatBytes(view.received)} / ${formatBytes(view.total)}`]
  const all = view.phase === "done" ? whole : [share, ...bytes, ...more].join("  ")
  return all.length <= width ? all : whole
}

export const frameOfSeveral = (pulls: PullViews, options: FrameOptions): string => {
  const [first, ...more] = pulls.values()
  if (first === undefined) return ""
  if (more.length === 0) return frame(first, options)
  const { columns, rows, tick } = options
  const names = new Map([...pulls.keys()].map((reference) => [reference, printable(reference)]))
  const longest = Math.max(...[...names.values()].map((name) => name.length))
  const width = Math.max(1, Math.min(longest, columns - besideName - numbersWidth))
  const line = (reference: string, view: PullView) => {
    const state = stateOf(view, options)
    const text = numbers(view, columns - besideName - width, options)
    const name = cutStart(names.get(reference) ?? "", width).padEnd(text === "" ? 0 : width)
    const style = state === "failed" || view.retry !== undefined ? "yellow" : "bold"
    return paintLine([formatMark(state, tick), [" "], ...spaced([name, "bold"], [text, style])], options)
  }

  // The last row of the terminal is where the cursor stands.
  const room = Math.max(2, rows - 1)
  const open = [...pulls].filter(([, view]) => !isOver(view))
  const over = [...pulls].filter(([, view]) => isOver(view))
  if (pulls.size > room) {
    const some = [...open, ...over].slice(0, room - 1)
    const others = [...open, ...over].slice(some.length).map(([, view]) => view)
    const ended = others.every(isOver) ? "over" : "more"
    const rest = paintLine([[`  +${others.length} ${ended}`, "dim"]], options)
    return [...some.map(([name, view]) => line(name, view)), rest].join("\n")
  }

  let spare = room - pulls.size
  let left = open.length
  const lines: Array<string> = []
  for (const [reference, view] of pulls) {
    lines.push(line(reference, view))
    if (isOver(view)) continue
    const share = Math.floor(spare / left--)
    // One line could hold a number alone.
    const bars = share < 2 ? [] : layerLines(view.layers, share, options)
    lines.push(...bars)
    spare -= bars.length
  }
  return lines.join("\n")
}
