/** The stages of one layer, as they are composed in the extraction, each on its own or with what comes before it. */
import { type Observable, tap } from "rxjs"
import { defaultLimits } from "../../src/api/config.ts"
import { makeApplier } from "../../src/layer/apply/apply.ts"
import { decompress } from "../../src/layer/compression/decompress.ts"
import type { Applier } from "../../src/layer/Entry.ts"
import { type Part, untar } from "../../src/layer/tar/untar.ts"

const limits = defaultLimits
const warn = () => {}

export const inflated = (blob: Observable<Uint8Array>, mediaType: string): Observable<Uint8Array> =>
  blob.pipe(decompress({ digest: "sha256:bench", mediaType, limits }))

export const parts = (archive: Observable<Uint8Array>): Observable<Part> =>
  archive.pipe(untar({ digest: "sha256:bench", limits, warn }))

const apply = (applier: Applier, part: Part): void => {
  if (part._tag === "Entry") applier.entry(part.header, part.body)
  else if (part._tag === "Begin") applier.begin(part.header)
  else if (part._tag === "Data") applier.write(part.chunk)
  else applier.end()
}

export const applied = (entries: Observable<Part>, directory: string): Observable<Part> => {
  const applier = makeApplier({ directory, digest: "sha256:bench", limits, warn })
  return entries.pipe(
    tap({ next: (part) => apply(applier, part), complete: () => applier.finish(), finalize: () => applier.close() })
  )
}
