/** The entries of one layer as `entries$` gives those of an image, without a registry. */
import { defer, finalize, type Observable } from "rxjs"
import { defaultLimits, type Limits } from "../../src/api/config.ts"
import type { ExtractionPool, LayerJob, Source } from "../../src/layer/pool/ExtractionPool.ts"
import type { Gate } from "../../src/reactive/Gate.ts"
import { mapCursor } from "../../src/read/entries/concatCursors.ts"
import type { Entry } from "../../src/read/entries/Entry.ts"
import { makeEntry } from "../../src/read/entries/makeEntry.ts"
import { pushEntries } from "../../src/read/entries/pushEntries.ts"

export const entries$ = (
  pool: ExtractionPool["Service"],
  job: Omit<LayerJob, "directory">,
  source: Source,
  { gate, limits = {} }: { readonly gate?: Gate; readonly limits?: Partial<Limits> } = {}
): Observable<Entry> =>
  defer(() => {
    const origin = { digest: job.digest, limits: { ...defaultLimits, ...limits }, named: (it: unknown) => it, gate }
    const cursor = pool.entries(job, source)
    const entries = mapCursor(cursor, ({ header, body }) => makeEntry(origin, header, body))
    return pushEntries(entries, gate).pipe(finalize(cursor.close))
  })
