/** Shows a pull while it goes, as an operator: bars on a terminal, a line for each step elsewhere. */
import {
  asyncScheduler,
  connect,
  distinctUntilChanged,
  filter,
  ignoreElements,
  type MonoTypeOperatorFunction,
  map,
  merge,
  Observable,
  sampleTime,
  tap
} from "rxjs"
import type { PullEvent } from "../../api/events.ts"
import { printable } from "../../api/printable.ts"
import { formatBytes } from "../../progress/format.ts"
import type { PullView } from "../../progress/PullView.ts"
import { progress } from "../../progress/progress.ts"
import { operate } from "../../reactive/operate.ts"
import { formatWhole, frame } from "./frame.ts"
import { plainLine } from "./plainLine.ts"
import { Screen, type Terminal } from "./Screen.ts"

export type { Terminal } from "./Screen.ts"

export interface ShowOptions {
  readonly stream: Terminal
  /** Default: what the stream says of itself, which honours `NO_COLOR` and `FORCE_COLOR`. */
  readonly color?: boolean | undefined
  /** Show nothing. */
  readonly quiet?: boolean | undefined
  /** Lines even on a terminal, for one that cannot draw or that shows a log as well. */
  readonly plain?: boolean | undefined
}

/** Milliseconds between two pictures, and between two lines that say how far the whole is. */
const pictureEvery = 80
const lineEvery = 10_000

/** Events pass unchanged. The last picture stays on the terminal; errors and unsubscribing leave one too. */
export const showProgress = ({ stream, color, quiet, plain }: ShowOptions): MonoTypeOperatorFunction<PullEvent> => {
  if (quiet === true) return (events) => events
  const { isTTY = false, columns = 0 } = stream
  return plain !== true && isTTY && columns > 0
    ? drawing(stream, color ?? stream.hasColors?.() === true)
    : telling(stream)
}

const drawing =
  (stream: Terminal, color: boolean): MonoTypeOperatorFunction<PullEvent> =>
  (source) =>
    new Observable((subscriber) => {
      const screen = new Screen(stream)
      let view: PullView | undefined
      let tick = 0
      const picture = (isLast: boolean) => {
        const { columns = 80, rows = 24 } = stream
        if (view === undefined) return ""
        const failed = isLast && view.phase !== "done"
        return frame(view, { color, columns, rows, failed, tick: tick++, now: asyncScheduler.now() })
      }
      const close = () => screen.close(picture(true))
      const pictures = (events: Observable<PullEvent>) =>
        events.pipe(
          progress({ interval: pictureEvery }),
          tap((next) => {
            view = next
          }),
          sampleTime(pictureEvery),
          tap(() => screen.draw(picture(false))),
          ignoreElements()
        )
      subscriber.add(close)
      subscriber.add(
        source.pipe(connect((events) => merge(pictures(events), events))).subscribe(
          operate<PullEvent>({
            destination: subscriber,
            next: (event) => {
              if (event._tag === "Warning") screen.print(`warning: ${printable(event.message)}`)
              subscriber.next(event)
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

const telling =
  (stream: Terminal): MonoTypeOperatorFunction<PullEvent> =>
  (source) =>
    source.pipe(
      connect((events) => {
        const steps = events.pipe(
          map(plainLine),
          filter((line) => line !== undefined)
        )
        // Enough to see in a log that a long download lives.
        const totals = events.pipe(
          progress({ interval: lineEvery }),
          sampleTime(lineEvery),
          filter(({ phase, layers }) => phase === "pulling" && layers.length > 0),
          map((view) => `${formatBytes(view.received)} of ${formatBytes(view.total)}, ${formatWhole(view)}`),
          distinctUntilChanged()
        )
        const lines = merge(steps, totals).pipe(
          tap((line) => stream.write(`${line}\n`)),
          ignoreElements()
        )
        return merge(lines, events)
      })
    )
