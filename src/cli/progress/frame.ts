/**
 * One picture of a pull, as lines of text: a line for the details, one for the downloads, one for the extractions, and
 * a bar for each layer that is not in place yet. A pure function of view and options.
 *
 *     ✓ Fetch image details  docker.io/library/debian:12  linux/amd64
 *     ⠹ Download layers      1 / 3  47.02 MiB / 90.60 MiB
 *     ⠹ Extract layers       1 / 3  48 %  6.10 MiB/s  7.2 s left
 *       6d11c181  ===================+++------------------  12.00 MiB / 29.00 MiB  3120 entries
 */

import { counted } from "../../api/counted.ts"
import type { Retrying } from "../../api/events.ts"
import { printable } from "../../api/printable.ts"
import { hasArrived, isInPlace } from "../../progress/advanceLayer.ts"
import { formatBytes, formatDuration, formatSpeed } from "../../progress/format.ts"
import type { LayerView, PullView, RetryView } from "../../progress/PullView.ts"
import { type LineOptions, paintLine, type Span, type Style, spaced } from "./line.ts"

export interface FrameOptions extends LineOptions {
  /** The height of the terminal, in lines. */
  readonly rows: number
  /** Counts the pictures: it turns the spinners. */
  readonly tick: number
  /** Milliseconds since 1970: retries count down to their moment. */
  readonly now: number
  /** True in the last picture of a pull that did not succeed. */
  readonly failed?: boolean
}

const ticks = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
const widestBar = 40
/** Characters of a layer's line beside its bar: digest, sizes and gaps, and a note. Numbers of four digits take some of the note's. */
const besideBar = 39
const noteWidth = 24

/** The first eight characters of the digest's hex. */
export const shortDigest = (digest: string): string => printable(digest.slice(digest.indexOf(":") + 1)).slice(0, 8)

/** Extracted `=`, arrived and not yet extracted `+`, to come `-`. */
const bar = ({ size, received, extracted: unpacked }: LayerView, width: number): ReadonlyArray<Span> => {
  const share = (bytes: number) => (size === 0 ? 0 : Math.floor((Math.min(bytes, size) / size) * width))
  const extracted = share(unpacked)
  const arrived = Math.max(extracted, share(received))
  return [
    ["=".repeat(extracted), "green"],
    ["+".repeat(arrived - extracted), "yellow"],
    ["-".repeat(width - arrived), ["green", "dim"]],
    ["  "]
  ]
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

const layerLine = (layer: LayerView, options: FrameOptions): string => {
  const width = Math.max(0, Math.min(widestBar, options.columns - besideBar - noteWidth))
  const style: Style = layer.retry === undefined ? "dim" : "yellow"
  return paintLine(
    [
      [`  ${shortDigest(layer.digest)}`, ["bold", "dim"]],
      ["  "],
      ...(width < 4 ? [] : bar(layer, width)),
      [formatBytes(layer.received).padStart(10), "bold"],
      [` ${`/ ${formatBytes(layer.size)}`.padEnd(12)}  `, "dim"],
      [note(layer, options.now), style]
    ],
    options
  )
}

/** The bars that fit: layers under way come before layers that queue, both in manifest order. The others are counted. */
export const layerLines = (
  layers: ReadonlyArray<LayerView>,
  room: number,
  options: FrameOptions
): ReadonlyArray<string> => {
  const open = layers.filter((layer) => !isInPlace(layer))
  const [busy, idle] = [open.filter(({ phase }) => phase !== "queued"), open.filter(({ phase }) => phase === "queued")]
  // In place of the others stands their number.
  const some = open.length <= room ? open : [...busy, ...idle].slice(0, room - 1)
  const lines = some.map((layer) => layerLine(layer, options))
  if (some.length === open.length) return lines
  const others = [...busy, ...idle].slice(some.length)
  const queued = others.every(({ phase }) => phase === "queued")
  return [...lines, paintLine([[`  +${others.length} ${queued ? "queued" : "more"}`, "dim"]], options)]
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

/** What stands before a line: it is done, it failed, or it goes on. */
export const formatMark = (state: "done" | "failed" | "moving", tick: number): Span => {
  if (state === "done") return ["✓", "green"]
  return state === "failed" ? ["✗", "red"] : [ticks.charAt(tick % ticks.length), "cyan"]
}

export const frame = (view: PullView, options: FrameOptions): string => {
  const title = (ready: boolean, text: string, ...details: ReadonlyArray<Span>) => {
    const mark = formatMark(ready ? "done" : options.failed === true ? "failed" : "moving", options.tick)
    return paintLine([mark, [" "], ...spaced([text.padEnd(19), "bold"], ...details)], options)
  }

  const { layers, reference, platform = "", retry } = view
  const details = title(
    view.phase === "done" || platform !== "",
    "Fetch image details",
    [printable(reference)],
    [printable(platform)],
    [retry === undefined ? "" : countdown(retry, options.now), "yellow"]
  )
  if (layers.length === 0) return details

  const count = (is: (layer: LayerView) => boolean) => layers.filter(is).length
  const line = (text: string, is: (layer: LayerView) => boolean, more: string) =>
    title(count(is) === layers.length, text, [`${count(is)} / ${layers.length}`], [more, "bold"])
  const bytes = view.total === 0 ? "" : `${formatBytes(view.received)} / ${formatBytes(view.total)}`
  return [
    details,
    line("Download layers", hasArrived, bytes),
    line("Extract layers", isInPlace, options.failed === true ? "" : formatWhole(view)),
    ...layerLines(layers, Math.max(2, options.rows - 4), options)
  ].join("\n")
}
