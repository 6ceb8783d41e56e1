import { printable } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import { decodeName } from "../layer/decodeName.ts"
import type { OnXattrDropped } from "./ErofsTree.ts"

/** Warnings of one image: what is beyond says no more. */
const mostWarnings = 10

/** Warns of the attributes that an image has no room for. */
export const warnOfAttributes = (emit: Emit): OnXattrDropped => {
  let warnings = 0
  return (path, name) => {
    if (++warnings > mostWarnings) return
    const message = `${printable(decodeName(path), 120)}: the attribute ${printable(decodeName(name), 80)} is left out of the image`
    emit({ _tag: "Warning", code: "AttributesDropped", message })
  }
}
