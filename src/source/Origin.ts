/** Which source an image comes from, by how it was asked for. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { InvalidOption, type Reason } from "../errors.ts"
import { formatLocal, type LocalReference, parseLocal, standardInput } from "../reference/LocalReference.ts"
import { format, parse, type Reference } from "../reference/Reference.ts"
import type { Registry } from "../registry/Registry.ts"
import type { ImageSource } from "./ImageSource.ts"
import type { LocalOptions } from "./localSource.ts"
import { registrySource } from "./registrySource.ts"

interface Given {
  readonly name?: string | undefined
  readonly input?: LocalOptions["input"]
}

export interface Origin {
  /** As the catalogue may know it already. */
  readonly name: string
  /** Who asks in the same words may be served together. */
  readonly words: string
  readonly at: Reference | (LocalReference & Given)
}

/** No stream is another one. */
let streams = 0

export const originOf = Effect.fnUntraced(function* (text: string, given: Given): Effect.fn.Return<Origin, Reason> {
  const local = yield* parseLocal(text)
  if (local === undefined) {
    if (given.name !== undefined)
      return yield* new InvalidOption({ option: "name", problem: "is for images from files" })
    const reference = yield* parse(text)
    const name = format(reference)
    return { name, words: name, at: reference }
  }
  const name = given.name === undefined ? undefined : format(yield* parse(given.name))
  const itself = formatLocal(local)
  const stream = local.path === standardInput ? ++streams : 0
  return { name: name ?? itself, words: JSON.stringify([itself, name, stream]), at: { ...local, ...given, name } }
})

export const opening =
  (options: Omit<LocalOptions, keyof Given> & { readonly registry: Registry["Service"] }) =>
  ({ at }: Origin): Effect.Effect<ImageSource, Reason, Scope.Scope> => {
    if (!("transport" in at)) return Effect.succeed(registrySource(options.registry, at))
    const { name, input, ...local } = at
    return Effect.flatMap(
      Effect.promise(() => import("./localSource.ts")),
      ({ openLocal }) => openLocal(local, { ...options, name, input })
    )
  }
