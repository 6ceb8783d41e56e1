/** What is said of pulls that were broken off: which layers are complete, and from where the next pull goes on. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { printable, printableJson } from "../../api/printable.ts"
import { Puller } from "../../Puller.ts"
import { isInPlace } from "../../progress/advanceLayer.ts"
import type { PullView } from "../../progress/PullView.ts"
import { Output } from "../Output.ts"
import { shortDigest } from "../progress/frame.ts"
import { continues } from "../progress/plainLine.ts"

/** A layer whose download was cut off, and where the next pull goes on with it. */
interface Cut {
  readonly digest: string
  readonly offset: number
  readonly size: number
}

const areComplete = (count: number, all: number): string => {
  if (count === 0) return "no layer was complete yet"
  if (count < all) return `${count} of ${all} layers ${count === 1 ? "is" : "are"} complete and kept`
  return all === 1 ? "its layer is complete and kept" : `all ${all} layers are complete and kept`
}

const sentence = ({ layers }: PullView, cut: ReadonlyArray<Cut>): string => {
  const count = layers.filter(isInPlace).length
  const complete = areComplete(count, layers.length)
  if (cut.length === 0)
    return count === 0 || count === layers.length
      ? `${complete}.`
      : `${complete}; the next pull continues with the others.`
  const lines = cut.map(({ digest, offset, size }) => `  ${shortDigest(digest)} ${continues(offset, size)}`)
  const them = cut.length === 1 ? "this layer" : "these layers"
  return [`${complete}. Downloaded bytes are kept. The next pull continues ${them}:`, ...lines].join("\n")
}

const interrupted = (reference: string, { layers }: PullView, partials: ReadonlyArray<Cut>) => ({
  _tag: "Interrupted",
  reference,
  layers: layers.filter(isInPlace).map(({ digest }) => digest),
  partials
})

/** What is kept of the layers that are not complete. Nothing where the store cannot say. */
const keptOf = <E>(library: Layer.Layer<Puller, E>, views: ReadonlyArray<PullView>) => {
  const open = views.flatMap(({ layers }) => layers).filter((layer) => !isInPlace(layer))
  if (open.length === 0) return Effect.succeed(new Map<string, number>())
  return Puller.use((puller) => puller.kept([...new Set(open.map(({ digest }) => digest))])).pipe(
    Effect.map((blobs) => new Map(blobs.map(({ digest, bytes }) => [digest, bytes]))),
    Effect.provide(library),
    Effect.orElseSucceed(() => new Map<string, number>())
  )
}

/** `pulls`: those that were not over, by the reference as it was given. `named`: each is named. */
export const tellInterruption = Effect.fnUntraced(function* <E>(
  library: Layer.Layer<Puller, E>,
  pulls: ReadonlyMap<string, PullView>,
  { json, named }: { readonly json: boolean; readonly named: boolean }
) {
  const { stdout, stderr } = yield* Output
  const kept = yield* keptOf(library, [...pulls.values()])
  for (const [reference, view] of pulls) {
    const cut = view.layers.flatMap((layer): ReadonlyArray<Cut> => {
      const offset = isInPlace(layer) ? undefined : kept.get(layer.digest)
      return offset === undefined ? [] : [{ digest: layer.digest, offset, size: layer.size }]
    })
    if (json) stdout.write(`${printableJson(interrupted(view.reference || reference, view, cut))}\n`)
    stderr.write(`Interrupted: ${named ? `${printable(reference)}: ` : ""}${sentence(view, cut)}\n`)
  }
})
