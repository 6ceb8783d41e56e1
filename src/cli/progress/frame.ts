/**
 * One picture of a pull, as lines of text: a line for the details, one for the downloads, one for the extractions, and
 * a bar for each layer that is not in place yet. A pure function of state and look.
 *
 *     ✓ Fetch image details  docker.io/library/debian:12  linux/amd64
 *     ⠹ Download layers      1 / 3  18.02 MiB / 61.60 MiB
 *     ⠹ Extract layers       1 / 3
 *       6d11c181  ===================+++------------------  12.00 MiB / 29.00 MiB  3120 entries
 */
import { styleText } from "node:util"
import { printable } from "../../api/errors.ts"
import { formatBytes } from "../text/formatBytes.ts"
import { hasArrived, isInPlace, type LayerState, type PullState, type Retry } from "./PullState.ts"

export interface FrameOptions {
  readonly color: boolean
  /** The size of the terminal, in characters. */
  readonly columns: number
  readonly rows: number
  /** Counts the pictures: it turns the spinners. */
  readonly tick: number
  /** True in the last picture of a pull that did not succeed. */
  readonly failed?: boolean
}

type Style = Parameters<typeof styleText>[0]
type Paint = (style: Style, text: string) => string

const ticks = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
const widestBar = 40
/** Characters of a layer's line beside its bar: digest, sizes and gaps (39), and a note where there is room. */
const besideBar = 39
const noteWidth = 24
/** Characters of the line for the details before its text. */
const besideDetails = 23

/** The first eight characters of the digest's hex. */
export const shortDigest = (digest: string): string => printable(digest.slice(digest.indexOf(":") + 1)).slice(0, 8)

/** Extracted `=`, arrived and not yet extracted `+`, to come `-`. */
const bar = ({ size, received, consumed }: LayerState, width: number, paint: Paint): string => {
  const share = (bytes: number) => (size === 0 ? 0 : Math.floor((Math.min(bytes, size) / size) * width))
  const extracted = share(consumed)
  const arrived = Math.max(extracted, share(received))
  return (
    paint("green", "=".repeat(extracted)) +
    paint("yellow", "+".repeat(arrived - extracted)) +
    paint(["green", "dim"], "-".repeat(width - arrived))
  )
}

export const formatRetry = ({ attempt, delay, reason }: Retry): string =>
  `retry ${attempt} in ${(delay / 1000).toFixed(1)} s: ${printable(reason)}`

const note = ({ phase, retry, entries }: LayerState): string => {
  if (retry !== undefined) return formatRetry(retry)
  if (phase === "waiting") return "waiting for another pull"
  return entries === 0 ? "" : `${entries} ${entries === 1 ? "entry" : "entries"}`
}

const cut = (text: string, width: number): string =>
  text.length <= width ? text : width < 2 ? "" : `${text.slice(0, width - 1)}…`

const layerLine = (layer: LayerState, columns: number, paint: Paint): string => {
  const width = Math.max(0, Math.min(widestBar, columns - besideBar - noteWidth))
  const received = formatBytes(layer.received).padStart(10)
  const size = `/ ${formatBytes(layer.size)}`.padEnd(12)
  const style = layer.retry === undefined ? "dim" : "yellow"
  return [
    `  ${paint(["bold", "dim"], shortDigest(layer.digest))}`,
    ...(width < 4 ? [] : [bar(layer, width, paint)]),
    `${paint("bold", received)} ${paint("dim", size)}`,
    paint(style, cut(note(layer), columns - besideBar - width))
  ].join("  ")
}

/** The bars that fit: layers under way come before layers that queue, both in manifest order. */
const layerLines = (
  layers: ReadonlyArray<LayerState>,
  { columns, rows }: FrameOptions,
  paint: Paint
): ReadonlyArray<string> => {
  const open = layers.filter((layer) => !isInPlace(layer))
  const room = Math.max(1, rows - 5)
  const [busy, idle] = [open.filter(({ phase }) => phase !== "queued"), open.filter(({ phase }) => phase === "queued")]
  const some = open.length <= room ? open : [...busy, ...idle].slice(0, room)
  const lines = some.map((layer) => layerLine(layer, columns, paint))
  return some.length === open.length ? lines : [...lines, paint("dim", `  and ${open.length - some.length} more`)]
}

export const frame = (state: PullState, options: FrameOptions): string => {
  const paint: Paint = (style, text) =>
    options.color && text !== "" ? styleText(style, text, { validateStream: false }) : text
  const mark = (ready: boolean) => {
    if (ready) return paint("green", "✓")
    return options.failed === true ? paint("red", "✗") : paint("cyan", ticks.charAt(options.tick % ticks.length))
  }
  const title = (ready: boolean, text: string, ...details: ReadonlyArray<string>) =>
    [`${mark(ready)} ${paint("bold", text.padEnd(19))}`, ...details.filter(Boolean)].join("  ")

  const layers = [...state.layers.values()]
  const resolved = state.image !== undefined || state.platform !== undefined
  const subject = [state.reference, state.image?.platform ?? state.platform ?? ""].map((text) => printable(text))
  const shown = cut(subject.filter(Boolean).join("  "), options.columns - besideDetails)
  const trouble = state.retry === undefined ? "" : formatRetry(state.retry)
  const details = title(
    resolved,
    "Fetch image details",
    shown,
    paint("yellow", cut(trouble, options.columns - besideDetails - shown.length - 2))
  )
  if (layers.length === 0) return details

  const fetched = layers.filter(({ phase }) => phase !== "cached")
  const received = fetched.reduce((sum, layer) => sum + layer.received, 0)
  const size = fetched.reduce((sum, layer) => sum + layer.size, 0)
  const bytes = size === 0 ? "" : `${paint("bold", formatBytes(received))} ${paint("dim", `/ ${formatBytes(size)}`)}`
  const count = (is: (layer: LayerState) => boolean) => layers.filter(is).length
  const line = (text: string, is: (layer: LayerState) => boolean, more = "") =>
    title(count(is) === layers.length, text, `${count(is)} / ${layers.length}`, more)
  return [
    details,
    line("Download layers", hasArrived, bytes),
    line("Extract layers", isInPlace),
    ...layerLines(layers, options, paint)
  ].join("\n")
}
