/** Micro-benchmarks, by tinybench: small functions that are called again and again in this process. */
import { Bench as TinyBench } from "tinybench"
import type { Bench } from "../Bench.ts"
import type { Figure, Unit } from "./Figure.ts"

export interface Task {
  readonly what: string
  /** What one call works through: bytes for MB/s, calls or things for /s. */
  readonly amount: number
  readonly unit: Extract<Unit, "MB/s" | "/s">
  readonly run: () => unknown
  /** Off the clock, before each call. */
  readonly before?: () => Promise<void> | void
}

/** Half a second each, after a warm-up; the median and the middle half of the calls. */
export const micro = async ({ options }: Bench, tasks: ReadonlyArray<Task>): Promise<ReadonlyArray<Figure>> => {
  const tiny = new TinyBench({
    time: options.quick ? 20 : 500,
    warmupTime: options.quick ? 0 : 200,
    iterations: options.quick ? 1 : 8,
    warmupIterations: 1,
    throws: true,
    retainSamples: true
  })
  for (const { what, run, before } of tasks) {
    // Said, not found out: to find out, tinybench would call it once and not wait.
    tiny.add(what, run, { async: true, ...(before === undefined ? {} : { beforeEach: before }) })
  }
  await tiny.run()
  return tasks.map(({ what, amount, unit }) => {
    const result = tiny.getTask(what)?.result
    if (result === undefined || !("latency" in result)) throw new Error(`${what} was not measured`)
    const { p50, p75, samples = [] } = result.latency
    const rate = (milliseconds: number) => (amount / milliseconds) * (unit === "MB/s" ? 1e-3 : 1e3)
    const p25 = samples[Math.floor(samples.length / 4)] ?? p50
    return { what, unit, value: rate(p50), low: rate(p75), high: rate(p25) }
  })
}
