/** A line of a picture: spans of text, each with its colour, that never take more than the terminal is wide. */
import { styleText } from "node:util"

export interface LineOptions {
  readonly color: boolean
  /** The width of the terminal, in characters. */
  readonly columns: number
}

export type Style = Parameters<typeof styleText>[0]
export type Span = readonly [text: string, style?: Style | undefined]

const paint = ([text, style]: Span): string =>
  style === undefined || text === "" ? text : styleText(style, text, { validateStream: false })

/** The spans with nothing between them. What is past the terminal's edge is cut, and `…` says so. */
export const paintLine = (spans: ReadonlyArray<Span>, { color, columns }: LineOptions): string => {
  const length = spans.reduce((sum, [text]) => sum + text.length, 0)
  const cut = length > columns
  let room = cut ? Math.max(0, columns - 1) : columns
  const shown = spans.map(([text, style]): Span => {
    const part = text.slice(0, room)
    room -= part.length
    return color ? [part, style] : [part]
  })
  return shown.map(paint).join("") + (cut ? "…" : "")
}

/** The spans with a gap between each and the next. Those without text take no place. */
export const spaced = (...spans: ReadonlyArray<Span>): ReadonlyArray<Span> =>
  spans.filter(([text]) => text !== "").flatMap((span, at): ReadonlyArray<Span> => (at === 0 ? [span] : [["  "], span]))
