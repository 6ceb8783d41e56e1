/** Shows pulls while they go, as an operator: bars on a terminal, a line for each step elsewhere. */
import {
  asyncScheduler,
  catchError,
  connect,
  distinctUntilChanged,
  EMPTY,
  filter,
  groupBy,
  ignoreElements,
  type MonoTypeOperatorFunction,
  map,
  merge,
  mergeMap,
  Observable,
  type OperatorFunction,
  sampleTime,
  share,
  tap
} from "rxjs"
import type { PullEvent } from "../../api/events.ts"
import { printable } from "../../api/printable.ts"
import { initial } from "../../progress/advance.ts"
import { formatBytes } from "../../progress/format.ts"
import type { PullView } from "../../progress/PullView.ts"
import { progress } from "../../progress/progress.ts"
import { operate } from "../../reactive/operate.ts"
import { formatWhole } from "./frame.ts"
import { frameOfSeveral } from "./frameOfSeveral.ts"
import { eventsOf, notificationsOf, type PullNotification } from "./PullNotification.ts"
import { plainLine } from "./plainLine.ts"
import { Screen, type Terminal } from "./Screen.ts"

export type { Terminal } from "./Screen.ts"

export interface ShowOptions {
  readonly stream: Terminal
  /** All that are pulled, as they were given. Each is named where there are several. */
  readonly references: ReadonlyArray<string>
  /** Default: what the stream says of itself, which honours `NO_COLOR` and `FORCE_COLOR`. */
  readonly color?: boolean | undefined
  /** Show nothing. */
  readonly quiet?: boolean | undefined
  /** Lines even on a terminal, for one that cannot draw or that shows a log as well. */
  readonly plain?: boolean | undefined
  /** Milliseconds between two lines that say how far an image is. Default: 10 000. */
  readonly interval?: number | undefined
}

/** Milliseconds between two pictures, between two views that they are drawn from, and between two lines that say how far the whole is. */
const pictureEvery = 80
const viewEvery = 40
const lineEvery = 10_000

/** Notifications pass unchanged. The last picture stays on the terminal; errors and unsubscribing leave one too. */
export const showProgress = (options: ShowOptions): MonoTypeOperatorFunction<PullNotification> => {
  if (options.quiet === true) return (pulls) => pulls
  const { isTTY = false, columns = 0 } = options.stream
  return options.plain !== true && isTTY && columns > 0 ? drawing(options) : telling(options)
}

/** The same for one pull: its events pass unchanged. */
export const showPull =
  (reference: string, options: Omit<ShowOptions, "references">): MonoTypeOperatorFunction<PullEvent> =>
  (events) =>
    events.pipe(notificationsOf(reference), showProgress({ ...options, references: [reference] }), eventsOf)

/** Each pull by itself. */
const each =
  <A>(operator: (reference: string) => OperatorFunction<PullEvent, A>): OperatorFunction<PullNotification, A> =>
  (pulls) =>
    pulls.pipe(
      groupBy(({ reference }) => reference),
      mergeMap((pull) => pull.pipe(eventsOf, operator(pull.key)))
    )

/** Before a line of one pull among several. */
const prefixFor =
  ({ length }: ReadonlyArray<string>) =>
  (reference: string): string =>
    length > 1 ? `${printable(reference)}: ` : ""

const drawing =
  ({
    stream,
    references,
    color = stream.hasColors?.() === true
  }: ShowOptions): MonoTypeOperatorFunction<PullNotification> =>
  (source) =>
    new Observable((subscriber) => {
      const screen = new Screen(stream)
      const prefix = prefixFor(references)
      const views = new Map<string, PullView>(references.map((reference) => [reference, initial.view]))
      let tick = 0
      const picture = (isLast: boolean) => {
        const { columns = 80, rows = 24 } = stream
        const failed = isLast && [...views.values()].some(({ phase }) => phase !== "done")
        return frameOfSeveral(views, { color, columns, rows, failed, tick: tick++, now: asyncScheduler.now() })
      }
      const close = () => screen.close(picture(true))
      const pictures = (pulls: Observable<PullNotification>) =>
        pulls.pipe(
          each(
            (reference) => (events) =>
              events.pipe(
                progress({ interval: viewEvery }),
                tap((view) => views.set(reference, view))
              )
          ),
          sampleTime(pictureEvery),
          tap(() => screen.draw(picture(false))),
          ignoreElements()
        )
      subscriber.add(close)
      subscriber.add(
        source.pipe(connect((pulls) => merge(pictures(pulls), pulls))).subscribe(
          operate<PullNotification>({
            destination: subscriber,
            next: (pull) => {
              const { said, reference } = pull
              if (said.kind === "N" && said.value._tag === "Warning")
                screen.print(`${prefix(reference)}warning: ${printable(said.value.message)}`)
              subscriber.next(pull)
            },
            error: (error) => {
              close()
              subscriber.error(error)
            },
            complete: () => {
              close()
              subscriber.complete()
            }
          })
        )
      )
    })

/** The image or the error is told at the end; where other pulls go on, that it is over is told at once. */
const endOf = ({ phase, error }: PullView): string | undefined => {
  if (phase === "done") return "complete"
  return phase === "failed" ? `failed: ${printable(error?.reason?._tag ?? "")}` : undefined
}

const telling = ({
  stream,
  references,
  interval: every = lineEvery
}: ShowOptions): MonoTypeOperatorFunction<PullNotification> => {
  const interval = Math.max(pictureEvery, every)
  const prefix = prefixFor(references)
  // Enough to see in a log that a long download lives.
  const totalsOf = (views: Observable<PullView>) =>
    views.pipe(
      sampleTime(interval),
      filter(({ phase, layers }) => phase === "pulling" && layers.length > 0),
      map((view) => `${formatBytes(view.received)} of ${formatBytes(view.total)}, ${formatWhole(view)}`),
      distinctUntilChanged()
    )
  const endsOf = (views: Observable<PullView>) =>
    views.pipe(map((view) => (references.length > 1 ? endOf(view) : undefined)))
  return (source) =>
    source.pipe(
      connect((pulls) => {
        const linesOf = (reference: string) => (source: Observable<PullEvent>) =>
          source.pipe(
            connect((events) => {
              const steps = events.pipe(
                map(plainLine),
                // It is told as a view, and where the pulls end.
                catchError(() => EMPTY)
              )
              // The first one to subscribe starts the views' clock, which so is ahead of the samples'.
              const views = events.pipe(progress({ interval }), share())
              return merge(steps, endsOf(views), totalsOf(views))
            }),
            filter((line) => line !== undefined),
            map((line) => `${prefix(reference)}${line}`)
          )
        const lines = pulls.pipe(
          each(linesOf),
          tap((line) => stream.write(`${line}\n`)),
          ignoreElements()
        )
        return merge(lines, pulls)
      })
    )
}
