/** What we call ourselves. */
import * as Effect from "effect/Effect"
import { packageVersion } from "../../packageVersion.ts"

/** `ociflow/<version>`; without the number where the package was bundled into another. */
export const userAgent: Effect.Effect<string> = Effect.map(Effect.promise(packageVersion), (version) =>
  version === undefined ? "ociflow" : `ociflow/${version}`
)
