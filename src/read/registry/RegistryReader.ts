/** The service that reads registries and nothing else. It is a light name; the network is loaded when its layer is built. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { PullError } from "../../api/errors.ts"
import { loadModule } from "../../fs/loadModule.ts"
import type { ReaderOptions } from "./options.ts"
import type { RegistryFunctions } from "./RegistryFunctions.ts"

export class RegistryReader extends Context.Service<RegistryReader, RegistryFunctions>()("ociflow/RegistryReader") {
  /** Connections and tokens live as long as the layer. */
  static layer(options: ReaderOptions = {}): Layer.Layer<RegistryReader, PullError> {
    return Layer.effect(
      RegistryReader,
      loadModule("the registry reader", () => import("./makeRegistryReader.ts")).pipe(
        Effect.mapError((reason) => new PullError({ reference: "(open)", reason })),
        Effect.flatMap(({ makeRegistryReader }) => makeRegistryReader(options))
      )
    )
  }
}
