/** `ociflow pull`: events to the bars, to lines, or to JSON; the image at the end; a word when it is broken off. */
import { dirname } from "node:path"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { asyncScheduler, type MonoTypeOperatorFunction, share, tap } from "rxjs"
import type { PullOptions } from "../../api/config.ts"
import { PullError } from "../../api/errors.ts"
import type { PullEvent, PulledImage } from "../../api/events.ts"
import { printable, printableJson } from "../../api/printable.ts"
import { Puller } from "../../Puller.ts"
import { advance, initial } from "../../progress/advance.ts"
import { isInPlace } from "../../progress/advanceLayer.ts"
import { formatBytes } from "../../progress/format.ts"
import type { PullView } from "../../progress/PullView.ts"
import { drain } from "../../reactive/bridge.ts"
import { Output } from "../Output.ts"
import { shortDigest } from "../progress/frame.ts"
import { continues } from "../progress/plainLine.ts"
import { showProgress, type Terminal } from "../progress/progress.ts"
import { referenceWithDigest } from "../progress/referenceWithDigest.ts"
import { throttleProgress } from "../progress/throttleProgress.ts"

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
      throttleProgress(eventEvery),
      tap((event) => {
        if (!quiet || event._tag === "Pulled") stdout.write(`${printableJson(event)}\n`)
      })
    )
}

/** The directory of each layer is what `inspect` says. */
const placeOf = ({ layers, rootfs }: PulledImage): string => {
  if (rootfs !== undefined) return `  rootfs    ${rootfs}`
  const [first] = layers
  return `  layers    ${first === undefined ? "none" : `${layers.length} in ${dirname(first.path)}`}`
}

const describe = (image: PulledImage): string =>
  [
    printable(image.reference),
    `  digest    ${printable(image.digest)}`,
    `  platform  ${printable(image.platform)}`,
    `  size      ${formatBytes(image.size)}`,
    placeOf(image)
  ].join("\n")

/** A layer whose download was cut off, and where the next pull goes on with it. */
interface Cut {
  readonly digest: string
  readonly offset: number
  readonly size: number
}

const word = ({ layers }: PullView, cut: ReadonlyArray<Cut>): string => {
  const count = layers.filter(isInPlace).length
  const complete =
    count === 0 ? "no layer was complete yet" : `${count} of ${layers.length} layers are complete and kept`
  if (cut.length === 0)
    return `Interrupted: ${complete}${count === 0 ? "." : "; the next pull continues with the others."}`
  const lines = cut.map(({ digest, offset, size }) => `  ${shortDigest(digest)} ${continues(offset, size)}`)
  return [`Interrupted: ${complete}. Downloaded bytes are kept. The next pull continues these layers:`, ...lines].join(
    "\n"
  )
}

const interrupted = ({ reference, layers }: PullView, partials: ReadonlyArray<Cut>) => ({
  _tag: "Interrupted",
  reference,
  layers: layers.filter(isInPlace).map(({ digest }) => digest),
  partials
})

/** What is kept of the layers that are not complete. */
const cutOff = ({ layers }: PullView) => {
  const sizes = new Map(layers.filter((layer) => !isInPlace(layer)).map(({ digest, size }) => [digest, size]))
  return Puller.use((puller) => puller.kept([...sizes.keys()])).pipe(
    Effect.map((blobs) =>
      blobs.map(({ digest, bytes }): Cut => ({ digest, offset: bytes, size: sizes.get(digest) ?? bytes }))
    )
  )
}

export const pull = Effect.fnUntraced(function* <E>(
  library: Layer.Layer<Puller, E>,
  reference: string,
  options: PullOptions,
  report: Report
) {
  const { stdout, stderr } = yield* Output
  const terminal = yield* Config.String("TERM").pipe(Config.withDefault(""), Effect.orDie)
  const plain = report.plain || terminal === "dumb"
  let state = initial
  yield* Puller.use((puller) =>
    drain(isPullError)(
      puller.pull$(reference, options).pipe(
        tap((event) => {
          state = advance(state, event, asyncScheduler.now())
          if (report.quiet && event._tag === "Warning") stderr.write(`warning: ${printable(event.message)}\n`)
        }),
        reporting(stdout, { ...report, plain })
      )
    )
  ).pipe(
    Effect.provide(library),
    // Outside of the library's scope: by now everything it had opened is closed.
    Effect.onInterrupt(() =>
      Effect.map(
        // Nothing where the store cannot say.
        Effect.orElseSucceed(Effect.provide(cutOff(state.view), library), (): ReadonlyArray<Cut> => []),
        (cut) => {
          if (report.json) stdout.write(`${printableJson(interrupted(state.view, cut))}\n`)
          stderr.write(`${word(state.view, cut)}\n`)
        }
      )
    )
  )
  const { image } = state.view
  if (report.json || image === undefined) return
  stdout.write(`${report.quiet ? yield* referenceWithDigest(image) : describe(image)}\n`)
})
