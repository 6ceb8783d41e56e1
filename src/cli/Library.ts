import type * as Layer from "effect/Layer"
import type { PullerOptions } from "../api/config.ts"
import type { PullError } from "../api/errors.ts"
import type { Puller } from "../Puller.ts"

/** What the commands run against: the library itself, or in tests another one. */
export type Library = (options: PullerOptions) => Layer.Layer<Puller, PullError>
