/** An image whose blobs are to be handed on as they are: its documents, and its layers from `keepBlobs` or from its source. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { EMPTY } from "rxjs"
import type { ConfigOptions } from "../api/config.ts"
import { NotCached } from "../api/errors.ts"
import { formatPlatform } from "../image/Platform.ts"
import { format, parse } from "../image/reference/Reference.ts"
import type { BodyReader } from "../layer/EntryCursor.ts"
import { PullEvents } from "../pull/events/PullEvents.ts"
import { readRequest } from "../pull/PullRequest.ts"
import { makeLift, scoped$ } from "../reactive/bridge.ts"
import { iterateGated } from "../read/blob/iterateGated.ts"
import { type BlobSource, readBlob } from "../read/blob/readBlob.ts"
import { resolveImage } from "../read/resolveImage.ts"
import type { ResolvedLayer } from "../registry/Registry.ts"
import { layoutNamesOf } from "../source/file/LocalReference.ts"
import { Blobs } from "../store/blobs/Blobs.ts"
import type { ExportedImage } from "./archiveImages.ts"

/** A name in a file is free text: only one with a tag is taken for a reference. */
const nameOf = Effect.fnUntraced(function* (text: string | undefined) {
  if (text === undefined) return undefined
  const parsed = yield* Effect.result(parse(text))
  if (Result.isFailure(parsed) || parsed.success.tag === undefined) return undefined
  const { registry, repository, tag } = parsed.success
  return format({ registry, repository, tag })
})

const isFullName = (text: string) => /[:/]/.test(text)

/** Its blobs can be read until the scope closes. */
export const openBlobs = Effect.fnUntraced(function* (reference: string, options: ConfigOptions) {
  const request = yield* readRequest(reference, options)
  const { origin, platform, policy } = request
  if (policy === "never" && !("transport" in origin.at))
    return yield* new NotCached({
      platform: formatPlatform(platform),
      problem: "the store has the files of its layers, not its blobs"
    })
  const emit = yield* PullEvents
  const context = yield* Effect.context<never>()
  const lift = yield* makeLift()
  const { layout } = yield* Blobs
  const { source, image: found } = yield* resolveImage(request)
  const { short, full } = yield* layoutNamesOf(source.name)
  const kept = new Set<string>()
  if (layout !== undefined && source.isRemote)
    for (const layer of found.layers) if (yield* layout.has(layer)) kept.add(layer.digest)
  const blobs: BlobSource = {
    ...source,
    blob$: (blob, gate, options) =>
      layout !== undefined && kept.has(blob.digest)
        ? scoped$(lift, layout.open(blob), (whole) => whole.bytes$(gate, () => EMPTY))
        : source.blob$(blob, gate, options)
  }
  let current: BodyReader | undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => current?.leave()))
  const open = (layer: ResolvedLayer): BodyReader => {
    const pieces = iterateGated({
      open: (gate) => readBlob(blobs, layer, gate, lift, { emit, context }),
      settled: () => Promise.resolve()
    })[Symbol.asyncIterator]()
    current = {
      read: async () => (await pieces.next()).value,
      leave: () => void pieces.return?.()
    }
    return current
  }
  const image: ExportedImage = {
    ...found,
    name: yield* nameOf(full ?? (short !== undefined && isFullName(short) ? short : undefined)),
    tag: short,
    open
  }
  return image
})
