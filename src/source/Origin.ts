/** Which source an image comes from, by how it was asked for. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { InvalidOption, type Reason } from "../api/errors.ts"
import { loadModule } from "../fs/loadModule.ts"
import { keeping } from "../image/LargeDocuments.ts"
import { format, parse, type Reference } from "../image/reference/Reference.ts"
import type { Registry } from "../registry/Registry.ts"
import { formatLocal, type LocalReference, parseLocal, standardInput } from "./file/LocalReference.ts"
import type { LocalOptions } from "./file/localSource.ts"
import type { ImageSource } from "./ImageSource.ts"
import { registrySource } from "./registrySource.ts"

interface Given {
  readonly name?: string | undefined
  readonly input?: LocalOptions["input"]
}

export interface Origin {
  /** The name under which the catalogue stores the image. */
  readonly name: string
  /** Everything the bytes depend on besides their digests. Pulls with equal `inputs` may share their work. */
  readonly inputs: string
  readonly at: Reference | (LocalReference & Given)
}

/** No stream is another one. */
let streams = 0

const nameFor = (text: string) =>
  Effect.mapError(
    parse(text),
    ({ message }) => new InvalidOption({ option: "name", problem: `must be an image reference: ${message}` })
  )

export const originOf = Effect.fnUntraced(function* (text: string, given: Given): Effect.fn.Return<Origin, Reason> {
  const local = yield* parseLocal(text)
  if (local === undefined) {
    if (given.name !== undefined)
      return yield* new InvalidOption({ option: "name", problem: "is only for images from files" })
    const reference = yield* parse(text)
    const name = format(reference)
    return { name, inputs: name, at: reference }
  }
  const name = given.name === undefined ? undefined : format(yield* nameFor(given.name))
  const itself = formatLocal(local)
  const stream = local.path === standardInput ? ++streams : 0
  return { name: name ?? itself, inputs: JSON.stringify([itself, name, stream]), at: { ...local, ...given, name } }
})

export interface Opening {
  readonly open: (origin: Origin) => Effect.Effect<ImageSource, Reason, Scope.Scope>
  /** Names of the images in a file. */
  readonly names: (file: LocalReference, given: Given) => Effect.Effect<ReadonlyArray<string>, Reason, Scope.Scope>
}

/** Files are read by what is loaded when the first one is. */
export const makeOpenSource = ({
  registry,
  ...options
}: Omit<LocalOptions, keyof Given> & { readonly registry: Registry["Service"] }): Opening => {
  const local = loadModule("the file source", () => import("./file/localSource.ts"))
  const opened = ({ at }: Origin) => {
    if (!("transport" in at)) return Effect.succeed(registrySource(registry, at))
    const { name, input, ...file } = at
    return Effect.flatMap(local, ({ openLocal }) => openLocal(file, { ...options, name, input }))
  }
  return {
    open: Effect.fnUntraced(function* (origin) {
      const kept = keeping(yield* Effect.scope)
      const source = yield* kept(opened(origin))
      return {
        ...source,
        resolve: (...asked) => kept(source.resolve(...asked)),
        documents: (emit) => {
          const { manifest, config } = source.documents(emit)
          return { manifest: (wanted) => kept(manifest(wanted)), config: (descriptor) => kept(config(descriptor)) }
        }
      }
    }),
    names: (file, given) => Effect.flatMap(local, ({ namesIn }) => namesIn(file, { ...options, ...given }))
  }
}
