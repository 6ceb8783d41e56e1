/** Shows a pull while it goes, as an operator: bars on a terminal, a line for each step elsewhere. */
import {
  connect,
  filter,
  ignoreElements,
  interval,
  type MonoTypeOperatorFunction,
  map,
  merge,
  Observable,
  tap
} from "rxjs"
import { printable } from "../../api/errors.ts"
import type { PullEvent } from "../../api/events.ts"
import { operate } from "../../reactive/operate.ts"
import { frame } from "./frame.ts"
import { advance, initial } from "./PullState.ts"
import { plainLine } from "./plainLine.ts"
import { Screen, type Terminal } from "./Screen.ts"
import { throttleProgress } from "./throttleProgress.ts"

export type { Terminal } from "./Screen.ts"

export interface ProgressOptions {
  readonly stream: Terminal
  /** Default: what the stream says of itself, which honours `NO_COLOR` and `FORCE_COLOR`. */
  readonly color?: boolean | undefined
  /** Show nothing. */
  readonly quiet?: boolean | undefined
  /** Lines even on a terminal, for one that cannot draw or that shows a log as well. */
  readonly plain?: boolean | undefined
}

/** Milliseconds between two pictures, and between two lines of one layer's progress. */
const pictureEvery = 80
const lineEvery = 10_000

/** Events pass unchanged. The last picture stays on the terminal; errors and unsubscribing leave one too. */
export const showProgress = ({ stream, color, quiet, plain }: ProgressOptions): MonoTypeOperatorFunction<PullEvent> => {
  if (quiet === true) return (events) => events
  const { isTTY = false, columns = 0 } = stream
  return plain !== true && isTTY && columns > 0
    ? drawing(stream, color ?? stream.hasColors?.() === true)
    : telling(stream)
}

const drawing =
  (stream: Terminal, color: boolean): MonoTypeOperatorFunction<PullEvent> =>
  (events) =>
    new Observable((subscriber) => {
      const screen = new Screen(stream)
      let state = initial
      const picture = (tick: number, failed = false) => {
        const { columns = 80, rows = 24 } = stream
        return frame(state, { color, columns, rows, tick, failed })
      }
      subscriber.add(() => screen.close(picture(0, state.image === undefined)))
      subscriber.add(
        interval(pictureEvery)
          .pipe(map((tick) => picture(tick)))
          .subscribe((next) => screen.draw(next))
      )
      subscriber.add(
        events.subscribe(
          operate<PullEvent>({
            destination: subscriber,
            next: (event) => {
              state = advance(state, event)
              if (event._tag === "Warning") screen.print(`warning: ${printable(event.message)}`)
              subscriber.next(event)
            },
            error: (error) => {
              screen.close(picture(0, true))
              subscriber.error(error)
            },
            complete: () => {
              screen.close(picture(0, state.image === undefined))
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
        const lines = events.pipe(
          // Enough to see in a log that a long download lives.
          throttleProgress(lineEvery),
          map(plainLine),
          filter((line) => line !== undefined),
          tap((line) => stream.write(`${line}\n`)),
          ignoreElements()
        )
        return merge(lines, events)
      })
    )
