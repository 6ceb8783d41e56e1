/** The name by which the catalogue knows an image, whichever way it was written. */
import * as Effect from "effect/Effect"
import { formatLocal, parseLocal } from "./LocalReference.ts"
import { format, parse } from "./Reference.ts"

export const nameOf = Effect.fnUntraced(function* (text: string) {
  const local = yield* parseLocal(text)
  return local === undefined ? format(yield* parse(text)) : formatLocal(local)
})
