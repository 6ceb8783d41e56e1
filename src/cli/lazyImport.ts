/** A part of the command line, loaded when it is called. */
import * as Effect from "effect/Effect"
import { PullError } from "../api/errors.ts"
import { loadModule } from "../fs/loadModule.ts"

export const lazyImport = <A>(module: () => Promise<A>): Effect.Effect<A, PullError> =>
  loadModule("the command", module).pipe(Effect.mapError((reason) => new PullError({ reference: "(start)", reason })))
