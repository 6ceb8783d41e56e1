/** Which entries of an archive are sent to the event loop, where it is not all. */
import type { MonoTypeOperatorFunction } from "rxjs"
import { transduce } from "../../reactive/transduce.ts"
import type { Part } from "../tar/untar.ts"

/** `ordinals`: in rising order. */
export const selectParts = (ordinals: ReadonlyArray<number>): MonoTypeOperatorFunction<Part> =>
  transduce(() => {
    let ordinal = -1
    let at = 0
    let isChosen = false
    return {
      push: (part, next) => {
        if (part._tag === "Entry" || part._tag === "Begin") {
          ordinal += 1
          isChosen = ordinals[at] === ordinal
          if (isChosen) at += 1
        }
        if (isChosen) next(part)
      },
      end: () => {}
    }
  })
