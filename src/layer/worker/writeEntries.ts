import type { OperatorFunction } from "rxjs"
import { transduce } from "../../reactive/transduce.ts"
import type { Applier } from "../Entry.ts"
import type { Part } from "../tar/untar.ts"

/** Entries → disk. */
export const writeEntries = (make: () => Applier, written: () => void): OperatorFunction<Part, never> =>
  transduce(() => {
    const applier = make()
    return {
      push: (part) => {
        if (part._tag === "Entry") applier.entry(part.header, part.body)
        else if (part._tag === "Begin") applier.begin(part.header)
        else if (part._tag === "Data") applier.write(part.chunk)
        else applier.end()
      },
      end: () => {
        applier.finish()
        written()
      },
      close: () => applier.close()
    }
  })
