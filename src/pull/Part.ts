import * as Effect from "effect/Effect"
import type { PartOptions } from "../api/config.ts"
import { InvalidOption } from "../api/errors.ts"
import { isWhole, type Selection, selectionKey, selectionOf } from "../layer/tree/Selection.ts"
import { Trees } from "../store/trees/Trees.ts"

/** A part of an image's tree. `key` names it, and is part of its directory's name. */
export interface Part {
  readonly key: string
  readonly selection: Selection
}

/** `undefined` for the whole tree. Only merged layers have parts: the directory of a layer is a whole layer. */
export const partOf = Effect.fnUntraced(function* (options: PartOptions) {
  const selection = selectionOf(options)
  const { merged } = yield* Trees
  const given = (["only", "strip"] as const).find((it) => options[it] !== undefined && options[it] !== 0)
  if (given !== undefined && !merged) {
    const problem = "needs the layout `rootfs` or `erofs`"
    return yield* new InvalidOption({ option: given, problem })
  }
  const part: Part | undefined = isWhole(selection) ? undefined : { key: selectionKey(selection), selection }
  return part
})
