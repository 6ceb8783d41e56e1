/** `ociflow pull`: events to the bars, to lines, or to JSON; the images at the end; a word when it is broken off. */
import { dirname } from "node:path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { asyncScheduler, from, identity, ignoreElements, type MonoTypeOperatorFunction, mergeMap, tap } from "rxjs"
import type { PullOptions } from "../../api/config.ts"
import { InvalidOption, PullError } from "../../api/errors.ts"
import type { PulledImage } from "../../api/events.ts"
import { printable, printableJson } from "../../api/printable.ts"
import { Puller } from "../../Puller.ts"
import { advance, initial, type Progress } from "../../progress/advance.ts"
import { formatBytes } from "../../progress/format.ts"
import { drain } from "../../reactive/bridge.ts"
import { environmentVariable } from "../../seams/environmentVariable.ts"
import { Output } from "../Output.ts"
import { notificationsOf, type PullNotification } from "../progress/PullNotification.ts"
import { showProgress, type Terminal } from "../progress/progress.ts"
import { referenceWithDigest } from "../progress/referenceWithDigest.ts"
import { throttleProgress } from "../progress/throttleProgress.ts"
import { failed, reportFailure } from "../reportFailure.ts"
import { describeFailure } from "../text/describeFailure.ts"
import { tellInterruption } from "./interruption.ts"

export interface Report {
  readonly json: boolean
  readonly quiet: boolean
  /** Lines rather than bars, since the log uses the terminal too. */
  readonly plain: boolean
  /** Milliseconds between two lines of progress. */
  readonly interval: number | undefined
}

/** Milliseconds between two progress events of one layer in JSON. */
const eventEvery = 250

const isPullError = (u: unknown): u is PullError => u instanceof PullError

/** Each line names the image's reference in full, as soon as it is known. */
const writeJson =
  (
    stdout: Terminal,
    quiet: boolean,
    nameOf: (reference: string) => string
  ): MonoTypeOperatorFunction<PullNotification> =>
  (pulls) =>
    pulls.pipe(
      tap(({ reference, said }) => {
        const write = (line: object) =>
          stdout.write(`${printableJson({ ...line, reference: nameOf(reference) || reference })}\n`)
        if (said.kind === "N" && (!quiet || said.value._tag === "Pulled")) write(said.value)
        if (said.kind === "E" && isPullError(said.error)) write(failed(said.error))
      })
    )

/** The directory of each layer is what `inspect` says. */
const placeOf = ({ layers, rootfs, erofs }: PulledImage): string => {
  if (erofs !== undefined) return `  erofs     ${erofs}`
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

/**
 * Pulls all of them at once, by one client. One that fails does not stop the others; at the end all failures are told. What is
 * no `PullError` is a mistake of ours, and stops everything.
 */
export const pull = Effect.fnUntraced(function* <E extends PullError>(
  library: Layer.Layer<Puller, E>,
  given: ReadonlyArray<string>,
  options: PullOptions,
  { json, quiet, interval, ...report }: Report
) {
  const { stdout, stderr } = yield* Output
  const references = [...new Set(given)]
  if (references.length > 1 && options.name !== undefined) {
    const reason = new InvalidOption({ option: "--name", problem: "is for one image at a time" })
    return yield* reportFailure(json)(Effect.fail(new PullError({ reference: "(pull)", reason })))
  }
  const terminal = yield* environmentVariable("TERM")
  const plain = report.plain || terminal === "dumb"
  const states = new Map<string, Progress>(references.map((reference) => [reference, initial]))
  const viewOf = (reference: string) => (states.get(reference) ?? initial).view
  const failures = new Map<string, PullError>()
  const prefixOf = (reference: string) => (references.length > 1 ? `${printable(reference)}: ` : "")
  const show = json
    ? writeJson(stdout, quiet, (reference) => viewOf(reference).reference)
    : showProgress({ stream: stdout, references, quiet, plain, interval })

  const one = ({ pull$ }: Puller["Service"], reference: string) =>
    pull$(reference, options).pipe(
      tap((event) => {
        states.set(reference, advance(states.get(reference) ?? initial, event, asyncScheduler.now()))
        if (quiet && event._tag === "Warning")
          stderr.write(`${prefixOf(reference)}warning: ${printable(event.message)}\n`)
      }),
      json ? throttleProgress(interval ?? eventEvery) : identity,
      notificationsOf(reference),
      tap(({ said }) => {
        if (said.kind !== "E") return
        if (!isPullError(said.error)) throw said.error
        failures.set(reference, said.error)
      })
    )
  const tellBroken = Effect.suspend(() => {
    const open = references.filter((it) => !failures.has(it) && viewOf(it).phase !== "done")
    for (const failure of failures.values()) stderr.write(`${describeFailure(failure)}\n`)
    return tellInterruption(library, new Map(open.map((it) => [it, viewOf(it)])), {
      json,
      named: references.length > 1
    })
  })
  yield* Puller.use((puller) =>
    drain(isPullError)(
      from(references).pipe(
        mergeMap((reference) => one(puller, reference)),
        show,
        ignoreElements()
      )
    )
  ).pipe(
    Effect.provide(Layer.tapError(library, reportFailure(json))),
    // Outside of the library's scope: by now everything it had opened is closed.
    Effect.onInterrupt(() => tellBroken)
  )
  if (!json) {
    const images = references.flatMap((reference) => viewOf(reference).image ?? [])
    const lines = yield* Effect.forEach(images, (image) =>
      quiet ? referenceWithDigest(image) : Effect.succeed(describe(image))
    )
    if (lines.length > 0) stdout.write(`${lines.join("\n")}\n`)
  }
  if (failures.size > 0) yield* Effect.failCause(Cause.fromReasons([...failures.values()].map(Cause.makeFailReason)))
})
