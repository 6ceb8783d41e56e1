/** Which entries of an archive are sent to the event loop: without their bodies, or only some of them. */
import type { MonoTypeOperatorFunction } from "rxjs"
import { transduce } from "../../reactive/transduce.ts"
import type { Part } from "../tar/untar.ts"
import type { Sent } from "../workerMessages.ts"

const headers = (): MonoTypeOperatorFunction<Part> =>
  transduce(() => ({
    push: (part, next) => {
      if (part._tag === "Entry" || part._tag === "Begin") next({ _tag: "Entry", header: part.header })
    },
    end: () => {}
  }))

/** `ordinals`: in rising order. */
const chosen = (ordinals: ReadonlyArray<number>): MonoTypeOperatorFunction<Part> =>
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

export const selectParts = (sent: Sent): MonoTypeOperatorFunction<Part> =>
  sent === "headers" ? headers() : chosen(sent)
