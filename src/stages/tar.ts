import type { OperatorFunction } from "rxjs"
import { ArchiveWriter } from "../layer/tar/ArchiveWriter.ts"
import type { Part } from "../layer/tar/untar.ts"
import { transduce } from "../reactive/transduce.ts"

/**
 * Entries, as `untar` emits them → an archive's bytes, in PAX format.
 *
 *     parts  ─E────────Begin───Data─End─|
 *     tar()  ─h·b·p────h───────d────p───z|     header, body, padding; two zero blocks at the end
 *
 * The same parts give the same bytes. Holes of sparse files are written as zeros. The chunks are views that are valid during the call of
 * `next`: copy what is kept. What no archive can hold is `InvalidOption`: a name with a NUL, an attribute's name with `=`, a body
 * that is not as long as `size` says. Costs some microseconds an entry; holds one header.
 */
export const tar = (): OperatorFunction<Part, Uint8Array> => transduce(() => new ArchiveWriter())
