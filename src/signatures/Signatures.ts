/**
 * Whether an image has the signatures that the option `verify` asks for. Without the option nothing is loaded, asked for or
 * looked at.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { defaultLimits, filled, type PullerOptions } from "../api/config.ts"
import type { Reason } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import { loadModule } from "../fs/loadModule.ts"
import { Registry } from "../registry/Registry.ts"
import type { Origin } from "../source/Origin.ts"
import type { Evidence, ImageToCheck, Verified } from "./ImageToCheck.ts"

export class Signatures extends Context.Service<
  Signatures,
  {
    /** Whether a rule asks for signatures of the image. Fails where no signature would do. */
    readonly asksFor: (origin: Origin) => Effect.Effect<boolean, Reason>
    /**
     * The signatures that satisfied the rule; `undefined` if it asks for none. Fails with `Unsigned`, `SignatureRejected`,
     * `IdentityMismatch` or `TrustUnavailable`.
     */
    readonly check: (image: ImageToCheck, emit: Emit) => Effect.Effect<Verified, Reason>
  }
>()("ociflow/signatures/Signatures") {
  /** `evidence`: of a store. */
  static layer(
    { verify, limits }: Pick<PullerOptions, "verify" | "limits">,
    evidence: Evidence | undefined
  ): Layer.Layer<Signatures, never, Registry> {
    return Layer.effect(
      Signatures,
      Effect.gen(function* () {
        const registry = yield* Registry
        if (verify === undefined)
          return Signatures.of({ asksFor: () => Effect.succeed(false), check: () => Effect.undefined })
        const loaded = loadModule("the signature verifier", () => import("./checkImage.ts"))
        const options = { verify, limits: filled(defaultLimits, limits), registry, evidence }
        return Signatures.of({
          asksFor: (origin) => Effect.flatMap(loaded, ({ asksFor }) => asksFor(options, origin)),
          check: (image, emit) =>
            Effect.flatMap(loaded, ({ checkImage }) => checkImage(options, image, emit)).pipe(
              Effect.tap((verified = []) =>
                Effect.sync(() => {
                  for (const signature of verified) emit({ _tag: "Verified", ...signature })
                })
              )
            )
        })
      })
    )
  }
}
