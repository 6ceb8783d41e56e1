import * as Effect from "effect/Effect"
import { isReason } from "../../src/api/errors.ts"
import { hostPlatform } from "../../src/image/Platform.ts"
import { parse } from "../../src/image/reference/Reference.ts"
import { drain } from "../../src/reactive/bridge.ts"
import { Gate } from "../../src/reactive/Gate.ts"
import { Registry } from "../../src/registry/Registry.ts"
import { bigLayer, fault, image, Prng, startRegistry } from "../../src/testing/index.ts"
import { type Bench, timed } from "../Bench.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { pullProcess } from "../measure/pullProcess.ts"
import { spread } from "../measure/statistics.ts"

export const question =
  "What do ranges of one blob at once bring, at 30 ms for each request and 20 MB/s for each connection?"

const counts = [1, 2, 4, 8]

const silent = () => {}

/** Seconds for the blob's bytes alone, in this process. */
const download = (name: string, ranges: number): Promise<number> =>
  Effect.gen(function* () {
    const registry = yield* Registry
    const reference = yield* parse(name)
    const [layer] = (yield* registry.resolve(reference, hostPlatform(), silent)).layers
    if (layer === undefined) return yield* Effect.die("an image without layers")
    const bytes$ = registry.blob$(reference, layer, new Gate(), { emit: silent })
    return yield* Effect.promise(() => timed(() => Effect.runPromise(drain(isReason)(bytes$))))
  }).pipe(
    Effect.provide(Registry.layer({ ranges })),
    Effect.map((milliseconds) => milliseconds / 1000),
    Effect.runPromise
  )

/** A blob of 200 MB that nothing makes smaller: what is measured is the way, not the layer. */
export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const layer = await bigLayer({
    size: bench.options.quick ? 2e7 : 2e8,
    chunk: new Prng("ranges").bytes(2 ** 20),
    compression: "none"
  })
  await using registry = await startRegistry({ images: { "far:latest": await image({ layers: [layer] }) } })
  registry.fault({ kind: "manifest" }, fault.slow({ latency: 30 }))
  registry.fault({ kind: "blob" }, fault.slow({ latency: 30, bytesPerSecond: 20e6 }))
  const disk = await bench.disk()
  const name = registry.reference("far:latest")
  const measures = ["bytes alone", "whole pull"] as const
  const times = new Map<string, Array<number>>(
    measures.flatMap((what) => counts.map((count) => [`${what} ${count}`, [] as number[]] as const))
  )
  const note = (what: string, seconds: number) => times.get(what)?.push(seconds)
  const peaks = new Map(counts.map((count) => [count, [] as number[]]))
  // In turn within a round: the machine drifts for all alike.
  for (let round = 0; round < bench.rounds(5); round++) {
    for (const count of counts) {
      note(`bytes alone ${count}`, await download(name, count))
      const root = await disk.fresh()
      const done = await pullProcess({ root, references: [name], options: { ranges: count } })
      await disk.remove(root)
      note(`whole pull ${count}`, done.inside.pull / 1000)
      peaks.get(count)?.push(done.peak / 1e6)
    }
  }
  const ratiosOf = (what: string, count: number) =>
    (times.get(`${what} ${count}`) ?? []).map((time, round) => (times.get(`${what} 1`)?.[round] ?? time) / time)
  return [
    ...measures.flatMap((what) =>
      counts.flatMap((count) => [
        figure(`${what}, ${count} at once`, "s", spread(times.get(`${what} ${count}`) ?? [])),
        ...(count === 1 ? [] : [figure(`${what}, ${count} at once, to one`, "×", spread(ratiosOf(what, count)))])
      ])
    ),
    ...counts.map((count) => figure(`peak memory of the pull, ${count} at once`, "MB", spread(peaks.get(count) ?? [])))
  ]
}
