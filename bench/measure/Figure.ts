/** An answer to a stage's question. */
import { digits, table } from "./table.ts"

export type Unit = "" | "s" | "ms" | "µs" | "MB" | "MB/s" | "/s" | "×"

export interface Figure {
  readonly what: string
  readonly value: number
  readonly unit: Unit
  /** The middle half of the samples, where there are several. */
  readonly low?: number
  readonly high?: number
}

export const figure = (
  what: string,
  unit: Unit,
  { median, low, high }: Record<"median" | "low" | "high", number>
): Figure => ({
  what,
  unit,
  value: median,
  low,
  high
})

export const figuresTable = (figures: ReadonlyArray<Figure>): string =>
  table(
    ["what", "median", "middle half", ""],
    figures.map(({ what, value, unit, low, high }) => [
      what,
      digits(value),
      low === undefined || high === undefined ? "" : `${digits(low)}–${digits(high)}`,
      unit
    ])
  )
