/** A part of the command line, loaded when it is called. */
import * as Effect from "effect/Effect"
import { PullError } from "../api/errors.ts"
import { load } from "../fs/load.ts"

export const part = <A>(module: () => Promise<A>): Effect.Effect<A, PullError> =>
  load("the command", module).pipe(Effect.mapError((reason) => new PullError({ reference: "(start)", reason })))
