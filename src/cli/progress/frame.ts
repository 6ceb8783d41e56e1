/**
 * One picture of a pull, as lines of text: a line for the details, one for the downloads, one for the extractions, and
 * a bar for each layer that is not in place yet. A pure function of view and options.
 *
 *     ✓ Fetch image details  docker.io/library/debian:12  linux/amd64
 *     ⠹ Download layers      1 / 3  47.02 MiB / 90.60 MiB
 *     ⠹ Extract layers       1 / 3  48 %  6.10 MiB/s  7.2 s left
 *       6d11c181  ===================+++------------------  12.00 MiB / 29.00 MiB  3120 entries
 */

import { styleText } from "node:util"
import { counted } from "../../api/counted.ts"
import type { Retrying } from "../../api/events.ts"
import { printable } from "../../api/printable.ts"
import { hasArrived, isInPlace } from "../../progress/advanceLayer.ts"
import { formatBytes, formatDuration, formatSpeed } from "../../progress/format.ts"
import type { LayerView, PullView, RetryView } from "../../progress/PullView.ts"

export interface FrameOptions {
  readonly color: boolean
  /** The size of the terminal, in characters. */
  readonly columns: number
  readonly rows: number
  /** Counts the pictures: it turns the spinners. */
  readonly tick: number
  /** Milliseconds since 1970: retries count down to their moment. */
  readonly now: number
  /** True in the last picture of a pull that did not succeed. */
  readonly failed?: boolean
}

type Style = Parameters<typeof styleText>[0]
export type Paint = (style: Style, text: string) => string

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
const bar = ({ size, received, extracted: unpacked }: LayerView, width: number, paint: Paint): string => {
  const share = (bytes: number) => (size === 0 ? 0 : Math.floor((Math.min(bytes, size) / size) * width))
  const extracted = share(unpacked)
  const arrived = Math.max(extracted, share(received))
  return (
    paint("green", "=".repeat(extracted)) +
    paint("yellow", "+".repeat(arrived - extracted)) +
    paint(["green", "dim"], "-".repeat(width - arrived))
  )
}

export const formatRetry = ({ attempt, delay, reason }: Pick<Retrying, "attempt" | "delay" | "reason">): string =>
  `retry ${attempt} in ${formatDuration(delay)}: ${printable(reason)}`

export const countdown = ({ attempt, at, reason }: RetryView, now: number): string =>
  at > now ? formatRetry({ attempt, reason, delay: at - now }) : `retry ${attempt}: ${printable(reason)}`

export const formatEntries = (entries: number): string => counted(entries, "entry", "entries")

const note = ({ phase, retry, entries }: LayerView, now: number): string => {
  if (retry !== undefined) return countdown(retry, now)
  if (phase === "waiting") return "waiting for another pull"
  return entries === 0 ? "" : formatEntries(entries)
}

export const cut = (text: string, width: number): string =>
  text.length <= width ? text : width < 2 ? "" : `${text.slice(0, width - 1)}…`

const layerLine = (layer: LayerView, { columns, now }: FrameOptions, paint: Paint): string => {
  const width = Math.max(0, Math.min(widestBar, columns - besideBar - noteWidth))
  const received = formatBytes(layer.received).padStart(10)
  const size = `/ ${formatBytes(layer.size)}`.padEnd(12)
  const style = layer.retry === undefined ? "dim" : "yellow"
  return [
    `  ${paint(["bold", "dim"], shortDigest(layer.digest))}`,
    ...(width < 4 ? [] : [bar(layer, width, paint)]),
    `${paint("bold", received)} ${paint("dim", size)}`,
    paint(style, cut(note(layer, now), columns - besideBar - width))
  ].join("  ")
}

/** The bars that fit: layers under way come before layers that queue, both in manifest order. The others are counted. */
export const layerLines = (
  layers: ReadonlyArray<LayerView>,
  room: number,
  options: FrameOptions,
  paint: Paint
): ReadonlyArray<string> => {
  const open = layers.filter((layer) => !isInPlace(layer))
  const [busy, idle] = [open.filter(({ phase }) => phase !== "queued"), open.filter(({ phase }) => phase === "queued")]
  // In place of the others stands their number.
  const some = open.length <= room ? open : [...busy, ...idle].slice(0, room - 1)
  const lines = some.map((layer) => layerLine(layer, options, paint))
  if (some.length === open.length) return lines
  const others = [...busy, ...idle].slice(some.length)
  const queued = others.every(({ phase }) => phase === "queued")
  return [...lines, paint("dim", `  +${others.length} ${queued ? "queued" : "more"}`)]
}

/** How far the whole image is: percentage, speed and time left; at the end the time that it took and the average speed. */
export const formatWhole = (view: PullView): string => {
  const { phase, fraction, speed, remaining, elapsed, received, total, downloaded } = view
  if (phase === "done") {
    const average =
      downloaded === 0 || elapsed === 0 ? "" : `  ${formatSpeed((downloaded * 1000) / elapsed)} on average`
    return `in ${formatDuration(elapsed)}${average}`
  }
  const left = remaining === undefined || remaining === 0 ? [] : [`${formatDuration(remaining)} left`]
  const percentage = total === 0 ? [] : [`${Math.floor(fraction * 100)} %`]
  return [...percentage, ...(received < total && speed > 0 ? [formatSpeed(speed)] : []), ...left].join("  ")
}

export const paintWith =
  ({ color }: FrameOptions): Paint =>
  (style, text) =>
    color && text !== "" ? styleText(style, text, { validateStream: false }) : text

/** What stands before a line: it is done, it failed, or it goes on. */
export const formatMark = (state: "done" | "failed" | "moving", tick: number, paint: Paint): string => {
  if (state === "done") return paint("green", "✓")
  return state === "failed" ? paint("red", "✗") : paint("cyan", ticks.charAt(tick % ticks.length))
}

export const frame = (view: PullView, options: FrameOptions): string => {
  const paint = paintWith(options)
  const mark = (ready: boolean) =>
    formatMark(ready ? "done" : options.failed === true ? "failed" : "moving", options.tick, paint)
  const title = (ready: boolean, text: string, ...details: ReadonlyArray<string>) =>
    [`${mark(ready)} ${paint("bold", text.padEnd(19))}`, ...details.filter(Boolean)].join("  ")

  const { layers, reference, platform = "", retry } = view
  const subject = [reference, platform].map((text) => printable(text))
  const shown = cut(subject.filter(Boolean).join("  "), options.columns - besideDetails)
  const trouble = retry === undefined ? "" : countdown(retry, options.now)
  const details = title(
    view.phase === "done" || platform !== "",
    "Fetch image details",
    shown,
    paint("yellow", cut(trouble, options.columns - besideDetails - shown.length - 2))
  )
  if (layers.length === 0) return details

  const count = (is: (layer: LayerView) => boolean) => layers.filter(is).length
  const line = (text: string, is: (layer: LayerView) => boolean, ...more: ReadonlyArray<string>) =>
    title(count(is) === layers.length, text, `${count(is)} / ${layers.length}`, ...more)
  const bytes = view.total === 0 ? "" : `${formatBytes(view.received)} / ${formatBytes(view.total)}`
  return [
    details,
    line("Download layers", hasArrived, paint("bold", bytes)),
    line("Extract layers", isInPlace, paint("bold", options.failed === true ? "" : formatWhole(view))),
    ...layerLines(layers, Math.max(2, options.rows - 4), options, paint)
  ].join("\n")
}
