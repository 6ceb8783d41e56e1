/** The services that the steps of a pull need. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { defaultLimits, filled, type PullerOptions } from "../api/config.ts"
import type { Reason } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import { extractionOf, variantOf } from "../layer/ExtractionOptions.ts"
import { layouts } from "../layer/layout/layouts.ts"
import { ExtractionPool } from "../layer/pool/ExtractionPool.ts"
import { makeLift } from "../reactive/bridge.ts"
import { Registry } from "../registry/Registry.ts"
import { Signatures } from "../signatures/Signatures.ts"
import { makeOpenSource } from "../source/Origin.ts"
import { makeSignatureFiles } from "../store/blobs/SignatureFiles.ts"
import { Directories } from "../store/directories/Directories.ts"
import { type Store, storeLayer } from "../store/Store.ts"
import { Staging } from "../store/trees/Staging.ts"
import { SharedWork } from "./flights/SharedWork.ts"
import { ImageSources } from "./ImageSources.ts"

export type Services = ExtractionPool | ImageSources | Registry | SharedWork | Signatures | Store

/** The signatures of stored images are in the store. */
const signatures = (options: PullerOptions): Layer.Layer<Signatures, never, Directories | Registry> =>
  Layer.unwrap(Effect.map(Directories, ({ root, make }) => Signatures.layer(options, makeSignatureFiles(root, make))))

const sources = ({ limits }: PullerOptions): Layer.Layer<ImageSources, never, Registry | Staging> =>
  Layer.effect(
    ImageSources,
    Effect.gen(function* () {
      const registry = yield* Registry
      const { stage } = yield* Staging
      const lift = yield* makeLift()
      return makeOpenSource({ registry, lift, limits: filled(defaultLimits, limits), directory: stage })
    })
  )

/** `emit` hears the warnings of opening the catalogue. */
export const servicesLayer = (options: PullerOptions, emit: Emit): Layer.Layer<Services, Reason> => {
  const extraction = extractionOf(options)
  const trees = { variant: variantOf(extraction), merged: layouts[extraction.layout].isMerged }
  // A service is closed before those it depends on.
  return SharedWork.layer(options).pipe(
    Layer.provideMerge(Layer.merge(sources(options), signatures(options))),
    Layer.provideMerge(
      Layer.mergeAll(
        Registry.layer(options),
        ExtractionPool.layer({ ...options, ...extraction }),
        storeLayer({ ...options, ...trees, emit })
      )
    )
  )
}
