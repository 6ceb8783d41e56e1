/** The entries of a merged tree that have bodies: under their names there, in place of those that an archive has. */
import type { MonoTypeOperatorFunction } from "rxjs"
import { transduce } from "../../reactive/transduce.ts"
import type { EntryHeader } from "../Entry.ts"
import type { Part } from "../tar/untar.ts"

/** `names`: of each entry, the first one its own, the others hard links to it. */
export const nameParts = (names: ReadonlyArray<ReadonlyArray<string>>): MonoTypeOperatorFunction<Part> =>
  transduce(() => {
    let at = -1
    let last: EntryHeader | undefined
    const renamed = (header: EntryHeader): EntryHeader => {
      at += 1
      last = { ...header, path: names[at]?.[0] ?? header.path }
      return last
    }
    const links = (next: (part: Part) => void) => {
      const { sparse: _, ...header } = last as EntryHeader
      for (const path of names[at]?.slice(1) ?? [])
        next({ _tag: "Entry", header: { ...header, path, type: "link", linkPath: header.path, size: 0 } })
    }
    return {
      push: (part, next) => {
        if (part._tag === "Entry" || part._tag === "Begin") next({ ...part, header: renamed(part.header) })
        else next(part)
        if (part._tag === "Entry" || part._tag === "End") links(next)
      },
      end: () => {}
    }
  })
