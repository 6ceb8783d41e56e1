/** What `against` measured: every run as it was, from which table, plot and verdicts are made again at any time. */
import type { Figure } from "../measure/Figure.ts"
import type { Machine } from "../measure/Machine.ts"
import { type Spread, spread } from "../measure/statistics.ts"
import type { Peer } from "../peers/Peer.ts"

export interface Run {
  readonly image: string
  readonly peer: string
  readonly round: number
  /** Seconds. */
  readonly wall: number
  readonly cpu: number
  /** Bytes. */
  readonly peak: number
}

export interface Result {
  readonly machine: Machine
  readonly date: string
  readonly disk: string
  readonly seed: number
  readonly peers: ReadonlyArray<Pick<Peer, "name" | "how" | "kind"> & { readonly version: string }>
  readonly images: ReadonlyArray<{ readonly name: string; readonly layers: number; readonly bytes: number }>
  readonly runs: ReadonlyArray<Run>
  readonly failures: ReadonlyArray<{ readonly image: string; readonly peer: string; readonly problem: string }>
  /** Answers of stages that have targets of their own. */
  readonly figures: ReadonlyArray<Figure>
}

export type Metric = "wall" | "cpu" | "peak"

export const runsOf = ({ runs }: Result, image: string, peer: string): ReadonlyArray<Run> =>
  runs.filter((run) => run.image === image && run.peer === peer)

export const spreadOf = (result: Result, image: string, peer: string, metric: Metric): Spread | undefined => {
  const values = runsOf(result, image, peer).map((run) => run[metric])
  return values.length === 0 ? undefined : spread(values)
}

/** The ratios of runs of the same round: `peer` over `to`. Drift of the machine within a round cancels. */
export const ratios = (
  result: Result,
  image: string,
  peer: string,
  to: string,
  metric: Metric
): ReadonlyArray<number> => {
  const others = new Map(runsOf(result, image, to).map((run) => [run.round, run[metric]]))
  return runsOf(result, image, peer).flatMap((run) => {
    const other = others.get(run.round)
    return other === undefined ? [] : run[metric] / other
  })
}
