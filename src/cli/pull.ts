/** `ociflow pull`: events to the bars, to lines, or to JSON; the image at the end; a word when it is broken off. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { type MonoTypeOperatorFunction, share, tap } from "rxjs"
import type { PullOptions } from "../config.ts"
import { PullError, printable } from "../errors.ts"
import type { PullEvent, PulledImage } from "../events.ts"
import { Puller } from "../Puller.ts"
import { drain } from "../reactive/bridge.ts"
import { formatBytes } from "./formatBytes.ts"
import { Output } from "./Output.ts"
import { advance, initial, isInPlace, type PullState } from "./PullState.ts"
import { showProgress, type Terminal } from "./progress.ts"
import { sampled } from "./sampled.ts"

export interface Report {
  readonly json: boolean
  readonly quiet: boolean
  /** Lines rather than bars, since the log uses the terminal too. */
  readonly plain: boolean
}

/** Milliseconds between two progress events of one layer in JSON. */
const eventEvery = 250

const isPullError = (u: unknown): u is PullError => u instanceof PullError

const reporting = (stdout: Terminal, { json, quiet, plain }: Report): MonoTypeOperatorFunction<PullEvent> => {
  if (!json) return showProgress({ stream: stdout, quiet, plain })
  return (events) =>
    events.pipe(
      share(),
      sampled(eventEvery),
      tap((event) => {
        if (!quiet || event._tag === "Pulled") stdout.write(`${JSON.stringify(event)}\n`)
      })
    )
}

const placesOf = ({ layers, rootfs }: PulledImage): ReadonlyArray<string> =>
  rootfs === undefined
    ? layers.map(({ path }, index) => `  ${index === 0 ? "layers  " : "        "}  ${path}`)
    : [`  rootfs    ${rootfs}`]

const describe = (image: PulledImage): string =>
  [
    printable(image.reference),
    `  digest    ${printable(image.digest)}`,
    `  platform  ${printable(image.platform)}`,
    `  size      ${formatBytes(image.size)}`,
    ...placesOf(image)
  ].join("\n")

/** The image's name with its digest: what to pull to get this very image again. */
const pinned = ({ reference, digest }: PulledImage): string =>
  printable(reference.includes("@") ? reference : `${reference}@${digest}`)

const kept = ({ layers }: PullState): string => {
  const count = [...layers.values()].filter(isInPlace).length
  return count === 0
    ? "Interrupted: no layer was complete yet."
    : `Interrupted: ${count} of ${layers.size} layers are complete and kept; the next pull continues with the others.`
}

const interrupted = ({ reference, layers }: PullState) => ({
  _tag: "Interrupted",
  reference,
  layers: [...layers.values()].filter(isInPlace).map(({ digest }) => digest)
})

export const pull = Effect.fnUntraced(function* <E>(
  library: Layer.Layer<Puller, E>,
  reference: string,
  options: PullOptions,
  report: Report
) {
  const { stdout, stderr } = yield* Output
  let state = initial
  yield* Puller.use((puller) =>
    drain(isPullError)(
      puller.pull$(reference, options).pipe(
        tap((event) => {
          state = advance(state, event)
          if (report.quiet && event._tag === "Warning") stderr.write(`warning: ${printable(event.message)}\n`)
        }),
        reporting(stdout, report)
      )
    )
  ).pipe(
    Effect.provide(library),
    // Outside of the library's scope: by now everything it had opened is closed.
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        if (report.json) stdout.write(`${JSON.stringify(interrupted(state))}\n`)
        stderr.write(`${kept(state)}\n`)
      })
    )
  )
  if (report.json || state.image === undefined) return
  stdout.write(`${report.quiet ? pinned(state.image) : describe(state.image)}\n`)
})
