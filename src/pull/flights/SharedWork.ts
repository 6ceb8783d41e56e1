/** What the pulls of one puller share: flights of images and of layers, and one bound for all downloads. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { defaults, type PullerOptions } from "../../api/config.ts"
import type { Reason } from "../../api/errors.ts"
import type { PullResult } from "../../api/events.ts"
import { type Downloads, makeDownloads } from "./Downloads.ts"
import { type Flights, makeFlights } from "./Flight.ts"

export class SharedWork extends Context.Service<
  SharedWork,
  {
    readonly images: Flights<PullResult, Reason>
    readonly layers: Flights<void, Reason>
    readonly downloads: Downloads
  }
>()("ociflow/pull/SharedWork") {
  /** What is under way ends with the scope. */
  static layer({ concurrency = defaults.concurrency }: Pick<PullerOptions, "concurrency">): Layer.Layer<SharedWork> {
    return Layer.effect(
      SharedWork,
      Effect.gen(function* () {
        const images = yield* makeFlights<PullResult, Reason>()
        const layers = yield* makeFlights<void, Reason>()
        return SharedWork.of({ images, layers, downloads: makeDownloads(concurrency) })
      })
    )
  }
}
