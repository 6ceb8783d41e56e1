/** Builds a `RegistryReader` from the network alone: no store, no catalogue, no threads. Loaded when the first one is built. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { defaultLimits, filled } from "../../api/config.ts"
import { InvalidReference, PullError } from "../../api/errors.ts"
import { checkOptions } from "../../api/options/checkOptions.ts"
import { imageConfigOf } from "../../image/imageConfigOf.ts"
import { PullEvents } from "../../pull/events/PullEvents.ts"
import { ImageSources } from "../../pull/ImageSources.ts"
import { readManifest, referrersOf, resolveReference, tagsOf } from "../../pull/lookup.ts"
import { makeCalls, withPendingTeardowns } from "../../pull/makeCalls.ts"
import { platformOf } from "../../pull/PullRequest.ts"
import { Registry } from "../../registry/Registry.ts"
import { Signatures } from "../../signatures/Signatures.ts"
import { formatLocal } from "../../source/file/LocalReference.ts"
import { originOf } from "../../source/Origin.ts"
import { registrySource } from "../../source/registrySource.ts"
import { artifactInMemory } from "../artifact/artifactInMemory.ts"
import { blobOf } from "../blob/blobOf.ts"
import { blobReaders } from "../blob/blobReaders.ts"
import { resolveImage } from "../resolveImage.ts"
import type { ReadArtifactOptions, ReaderOptions, ReadManifestOptions, ReadReferrersOptions } from "./options.ts"
import type { RegistryFunctions } from "./RegistryFunctions.ts"

const filesAreElsewhere = (input: string) =>
  Effect.fail(new InvalidReference({ input, problem: "images in files are read by a client of `open`" }))

const sources: Layer.Layer<ImageSources, never, Registry> = Layer.effect(
  ImageSources,
  Effect.map(Registry, (registry) => ({
    open: ({ at }) =>
      "transport" in at ? filesAreElsewhere(formatLocal(at)) : Effect.succeed(registrySource(registry, at)),
    names: (file) => filesAreElsewhere(formatLocal(file))
  }))
)

const make = Effect.fnUntraced(function* (given: ReaderOptions) {
  const options = yield* checkOptions<ReaderOptions>("openRegistry", given)
  const context = yield* Layer.build(
    Layer.provideMerge(Layer.merge(sources, Signatures.layer(options, undefined)), Registry.layer(options))
  )
  const { call, lift, list, list$, opened$, settled, whenSettled } = yield* makeCalls(context, options.timeouts)
  const limits = filled(defaultLimits, options.limits)
  const sourceOf = Effect.fnUntraced(function* (reference: string) {
    const origin = yield* originOf(reference, {})
    return { ...(yield* (yield* ImageSources).open(origin)), origin }
  })

  const reader: RegistryFunctions = {
    resolve: (reference, options, listen) =>
      call("registry.resolve", reference, options, listen, () => resolveReference(reference, {})),
    manifest: (reference, options, listen) =>
      call("registry.manifest", reference, options, listen, (options: ReadManifestOptions) =>
        readManifest(reference, options)
      ),
    config: (reference, options, listen) =>
      call("registry.config", reference, options, listen, ({ platform }: ReadManifestOptions) =>
        Effect.gen(function* () {
          const origin = yield* originOf(reference, {})
          const { image } = yield* resolveImage({ origin, platform: yield* platformOf(platform) })
          return imageConfigOf(image.config.value)
        })
      ),
    tags$: (reference, options) => list$("registry.tags", reference, options, () => tagsOf(reference, {})),
    tags: (reference, options, listen) =>
      list("registry.tags", reference, options, listen, () => tagsOf(reference, {})),
    referrers$: (reference, options) =>
      list$("registry.referrers", reference, options, (options: ReadReferrersOptions) =>
        referrersOf(reference, options)
      ),
    referrers: (reference, options, listen) =>
      list("registry.referrers", reference, options, listen, (options: ReadReferrersOptions) =>
        referrersOf(reference, options)
      ),
    artifact: (reference, options, listen) =>
      call("registry.artifact", reference, options, listen, (options: ReadArtifactOptions) =>
        Effect.gen(function* () {
          return yield* artifactInMemory(yield* sourceOf(reference), options, limits, yield* PullEvents, lift)
        })
      ),
    ...blobReaders({
      names: { sequence: "registry.blob$", iterable: "registry.blob" },
      open$: (reference, digest, { gate }, emit) => opened$(blobOf(reference, digest, { gate }, limits), emit),
      settled: whenSettled
    }),
    settled
  }
  return reader
})

export const makeRegistryReader = (options: ReaderOptions) =>
  withPendingTeardowns(make(options)).pipe(Effect.mapError((reason) => new PullError({ reference: "(open)", reason })))
