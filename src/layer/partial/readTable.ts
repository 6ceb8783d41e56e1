/**
 * Reads a layer by its table, in place of its archive: the headers of all entries, or one of the files. They are numbered and
 * judged as those of an archive. For the worker.
 */
import { CorruptLayer } from "../../api/errors.ts"
import { Observable } from "../../seams/rxjs.ts"
import type { TableJob } from "../messages/WorkerJob.ts"
import type { Done } from "../messages/WorkerMessage.ts"
import { Cancelled, type RingReader } from "../Ring.ts"
import type { Part } from "../tar/ArchiveReader.ts"
import { ended, noCounts, type Post } from "../worker/jobs/outcomeOf.ts"
import { sendEntries } from "../worker/sendEntries.ts"
import { sendHeaders } from "../worker/sendHeaders.ts"
import { fetchFile } from "./bodies.ts"
import { openTable } from "./openTable.ts"
import { planLayer } from "./planLayer.ts"
import { planRanges } from "./planRanges.ts"
import { RangeInput } from "./RangeInput.ts"
import { tableHeaders } from "./tableHeaders.ts"

const partsOf = (job: TableJob, ring: RingReader, post: Post) =>
  new Observable<Part>((parts) => {
    const { digest, limits, table: place, wanted } = job
    const corrupt = (problem: string) => new CorruptLayer({ digest, stage: "untar", problem })
    const input = new RangeInput(
      ring,
      () => {},
      () => corrupt("bytes that its table of contents lists are missing")
    )
    const context = { digest, limits, corrupt }
    const layer = planLayer(openTable(place, input, context), place, context)
    let ordinal = 0
    for (const { header, file } of tableHeaders(layer, place, context, post)) {
      ring.look()
      if (wanted === undefined) parts.next({ _tag: "Entry", header })
      if (wanted === undefined || ordinal++ < wanted) continue
      if (file === undefined) throw corrupt("its table of contents listed other files when it was read before")
      const ranges = planRanges(file.chunks.filter(({ isZeros }) => !isZeros))
      const flat = Float64Array.from(ranges.flatMap(({ from, to }) => [from, to]))
      post({ _tag: "Planned", plan: { ranges: flat, reused: 0, reusedBytes: 0 } })
      if (!ring.isWanted(1)) throw new Cancelled("the file is not wanted")
      input.expect(ranges)
      parts.next({ _tag: "Begin", header })
      fetchFile(file, { digest, form: place.form, input, corrupt }, (chunk) => parts.next({ _tag: "Data", chunk }))
      parts.next({ _tag: "End" })
      break
    }
    parts.complete()
  })

export const readTable = async (job: TableJob, ring: RingReader, post: Post): Promise<Done> => {
  const send = job.wanted === undefined ? sendHeaders(ring, post) : sendEntries(ring, post)
  await ended(partsOf(job, ring, post).pipe(send))
  return { _tag: "Done", counts: noCounts }
}
