/** Builds a `RegistryReader` from the network alone: no store, no catalogue, no threads. Loaded when the first one is built. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { concatMap, lastValueFrom, type Observable, type ObservableInput, takeUntil, throwError, toArray } from "rxjs"
import { defaultLimits, defaultTimeouts, filled, type Watching } from "../../api/config.ts"
import { DeadlineExceeded, InvalidReference, isReason, PullError, type Reason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import { checkOptions } from "../../api/options/checkOptions.ts"
import { imageConfigOf } from "../../image/imageConfigOf.ts"
import { naming, naming$, watched, watched$ } from "../../pull/call.ts"
import { PullEvents } from "../../pull/events/PullEvents.ts"
import { ImageSources } from "../../pull/ImageSources.ts"
import { readManifest, referrersOf, resolveReference, tagsOf } from "../../pull/lookup.ts"
import { platformOf } from "../../pull/PullRequest.ts"
import { awaitTeardowns, drain, makeLift, PendingTeardowns, scoped$ } from "../../reactive/bridge.ts"
import { Gate } from "../../reactive/Gate.ts"
import type { RegistryOptions } from "../../registry/makeRegistry.ts"
import { Registry } from "../../registry/Registry.ts"
import { formatLocal } from "../../source/file/LocalReference.ts"
import { originOf } from "../../source/Origin.ts"
import { registrySource } from "../../source/registrySource.ts"
import { artifactInMemory } from "../artifact/artifactInMemory.ts"
import type { BlobFunction } from "../blob/BlobFunction.ts"
import { blobOf } from "../blob/blobOf.ts"
import { concatGated } from "../blob/concatGated.ts"
import { iterateGated } from "../blob/iterateGated.ts"
import type { ReadArtifactOptions, ReadBlobOptions, ReadManifestOptions, ReadReferrersOptions } from "./options.ts"
import type { RegistryFunctions } from "./RegistryFunctions.ts"

type Services = ImageSources | Registry

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

const make = Effect.fnUntraced(function* (given: RegistryOptions) {
  const options = yield* checkOptions<RegistryOptions>("openRegistry", given)
  const context = yield* Layer.build(Layer.provideMerge(sources, Registry.layer(options)))
  const lift = yield* makeLift()
  const pending = yield* PendingTeardowns
  const limits = filled(defaultLimits, options.limits)
  const { total } = filled(defaultTimeouts, options.timeouts)
  const late = () => new DeadlineExceeded({ millis: total })

  const provided = <A, E, R>(step: Effect.Effect<A, E, R>) => Effect.provideContext(step, context)
  const call = <A extends Watching, B, R extends Services | Scope.Scope>(
    name: Parameters<typeof watched>[0],
    reference: string,
    given: A | undefined,
    listen: Emit | undefined,
    use: (options: Omit<A, keyof Watching>) => Effect.Effect<B, Reason, R>
  ) =>
    watched(name, given, listen, (options) => {
      const used = Effect.scoped(use(options))
      return Number.isFinite(total)
        ? Effect.timeoutOrElse(used, { duration: total, orElse: () => Effect.fail<Reason>(late()) })
        : used
    }).pipe(provided, naming(reference))
  const sequence$ = <A>(step: Effect.Effect<Observable<A>, Reason, Services | Scope.Scope>, emit: Emit) =>
    scoped$(lift, provided(Effect.provideService(step, PullEvents, emit)), (sequence$) => sequence$)
  const inTime$ = <A>(source: Observable<A>): Observable<A> =>
    Number.isFinite(total)
      ? source.pipe(takeUntil(lift(Effect.sleep(total)).pipe(concatMap(() => throwError(late)))))
      : source
  const collected = <A, R>(listing: Effect.Effect<Observable<A>, Reason, R>) =>
    Effect.flatMap(listing, (list$) =>
      Effect.map(drain(isReason)(list$.pipe(toArray())), (all = []): ReadonlyArray<A> => all)
    )
  const bytesOf$ = (reference: string, digest: string, gate: Gate, emit: Emit) =>
    sequence$(blobOf(reference, digest, { gate }, limits), emit)
  const sourceOf = Effect.fnUntraced(function* (reference: string) {
    return yield* (yield* ImageSources).open(yield* originOf(reference, {}))
  })

  const blob$ = <A>(
    reference: string,
    digest: string,
    options?: ReadBlobOptions & Watching,
    project?: (chunk: Uint8Array, index: number) => ObservableInput<A>
  ): Observable<Uint8Array | A> =>
    watched$(
      "registry.blob$",
      options,
      ({ gate = new Gate() }, emit): Observable<Uint8Array | A> =>
        project === undefined
          ? bytesOf$(reference, digest, gate, emit)
          : concatGated((gate) => bytesOf$(reference, digest, gate, emit), project)
    ).pipe(naming$(reference))

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
          const wanted = yield* platformOf(platform)
          const image = yield* (yield* sourceOf(reference)).resolve(wanted, yield* PullEvents)
          return imageConfigOf(image.config.value)
        })
      ),
    tags$: (reference, options) =>
      watched$("registry.tags", options, (_, emit) => sequence$(tagsOf(reference, {}), emit)).pipe(
        inTime$,
        naming$(reference)
      ),
    tags: (reference, options, listen) =>
      call("registry.tags", reference, options, listen, () => collected(tagsOf(reference, {}))),
    referrers$: (reference, options) =>
      watched$("registry.referrers", options, (options, emit) => sequence$(referrersOf(reference, options), emit)).pipe(
        inTime$,
        naming$(reference)
      ),
    referrers: (reference, options, listen) =>
      call("registry.referrers", reference, options, listen, (options: ReadReferrersOptions) =>
        collected(referrersOf(reference, options))
      ),
    artifact: (reference, options, listen) =>
      call("registry.artifact", reference, options, listen, (options: ReadArtifactOptions) =>
        Effect.gen(function* () {
          return yield* artifactInMemory(yield* sourceOf(reference), options, limits, yield* PullEvents, lift)
        })
      ),
    blob$: blob$ as BlobFunction,
    blob: (reference, digest, options) => {
      const named$ = naming$(reference)
      return iterateGated({
        open: (gate) =>
          named$(watched$("registry.blob", options, (_, emit) => bytesOf$(reference, digest, gate, emit))),
        settled: () => lastValueFrom(lift(awaitTeardowns(pending)))
      })
    },
    settled: awaitTeardowns(pending)
  }
  return reader
})

export const makeRegistryReader = (options: RegistryOptions) =>
  Effect.suspend(() => Effect.provideService(make(options), PendingTeardowns, new Set())).pipe(
    Effect.mapError((reason) => new PullError({ reference: "(open)", reason }))
  )
