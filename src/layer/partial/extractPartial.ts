/**
 * Extracts a layer by its table: the files that the store has are cloned or copied, the others come through the ring. The entries
 * become headers of an archive again, so that they are read and applied by the rules of every other layer. For the worker.
 */
import { CorruptLayer } from "../../api/errors.ts"
import { makeApplier } from "../apply/apply.ts"
import { reachDisk } from "../apply/reachDisk.ts"
import { atMost } from "../limits.ts"
import type { PartialJob } from "../messages/WorkerJob.ts"
import type { Done } from "../messages/WorkerMessage.ts"
import { fingerprint } from "../metadata/fingerprint.ts"
import { Cancelled, type RingReader } from "../Ring.ts"
import { paddingOf } from "../tar/encodeEntry.ts"
import { blockBytes } from "../tar/HeaderBlock.ts"
import type { Post } from "../worker/jobs/outcomeOf.ts"
import { Progress } from "../worker/jobs/Progress.ts"
import { fetchFile, readStoredFile, type StoredBody } from "./bodies.ts"
import { openTable } from "./openTable.ts"
import { type LayerTable, planLayer } from "./planLayer.ts"
import { planRanges } from "./planRanges.ts"
import { RangeInput } from "./RangeInput.ts"
import { findStored, writeIndex } from "./StoredFiles.ts"
import type { PartialPlan, Range } from "./Table.ts"
import { tableHeaders } from "./tableHeaders.ts"

/** Of files that are only looked at. */
const unused: StoredBody = { write: () => {}, cloned: () => {}, clone: () => undefined }

/** Files of the store are not what they were. */
class Changed extends Error {}

/** What is fetched, and what is not. */
const planOf = ({ files }: LayerTable): Omit<PartialPlan, "ranges"> & { readonly ranges: ReadonlyArray<Range> } => {
  const missing: Array<Range> = []
  let [reused, reusedBytes] = [0, 0]
  for (const { content, chunks } of files) {
    if (content?.found === undefined) {
      for (const chunk of chunks) if (!chunk.isZeros) missing.push(chunk)
    } else {
      reused += 1
      reusedBytes += content.size
    }
  }
  return { ranges: planRanges(missing), reused, reusedBytes }
}

export const extractPartial = (job: PartialJob, ring: RingReader, post: Post): Done => {
  const { digest, limits, table: place, write: target } = job
  const corrupt = (problem: string) => new CorruptLayer({ digest, stage: "untar", problem })
  const progress = new Progress(post)
  const { counts } = progress
  const look = () => ring.look()
  const input = new RangeInput(
    ring,
    (bytes) => progress.add("consumed", bytes),
    () => corrupt("bytes that its table of contents lists are missing")
  )

  const context = { digest, limits, corrupt }
  const json = openTable(place, input, context)
  counts.consumed = 0
  const layer = planLayer(json, place, context)
  for (const changed of job.without) layer.contents.delete(changed)
  findStored(job.stored, layer.contents, look)
  writeIndex(job.index, layer.index)
  const { ranges, reused, reusedBytes } = planOf(layer)
  const flat = Float64Array.from(ranges.flatMap(({ from, to }) => [from, to]))
  post({ _tag: "Planned", plan: { ranges: flat, reused, reusedBytes } })
  if (!ring.isWanted(1)) throw new Cancelled("the layer is downloaded whole")
  input.expect(ranges)

  const { directory, extraction } = target
  const applier = makeApplier({ ...extraction, directory, digest, limits, warn: post, look })
  /** Bytes of the archive that the entries would be. */
  const count = (bytes: number) => {
    progress.add("inflated", bytes)
    atMost(limits, "layerBytes", counts.inflated, () => `layer ${digest}`)
  }
  const cloned = (bytes: Uint8Array) => {
    look()
    count(bytes.length)
  }
  const write = (bytes: Uint8Array) => {
    cloned(bytes)
    applier.write(bytes)
  }
  const stored: StoredBody = { write, cloned, clone: applier.clone }
  try {
    const options = { digest, form: place.form, input, corrupt }
    for (const { header, file, headerBytes } of tableHeaders(layer, place, context, post)) {
      look()
      counts.entries++
      count(headerBytes)
      applier.begin(header)
      if (file !== undefined) {
        const { content } = file
        if (content?.found === undefined) fetchFile(file, options, write)
        else if (!readStoredFile(content, stored)) throw new Changed(content.digest)
        count(paddingOf(header.size).length)
      }
      applier.end()
    }
    // Its end.
    count(2 * blockBytes)
    applier.finish()
  } catch (error) {
    if (!(error instanceof Changed)) throw error
    post({ _tag: "Changed", digests: changedOf(layer, look) })
    throw new Cancelled("files of the store are not what they were")
  } finally {
    applier.close()
  }
  if (target.lasting) reachDisk(directory)
  const print = target.facts === undefined ? undefined : fingerprint(directory, target.facts, look)
  return { _tag: "Done", counts, fingerprint: print }
}

/** All of them at once, so that the layer is tried once more, and not once for each. */
const changedOf = ({ contents }: LayerTable, look: () => void): ReadonlyArray<string> => {
  const changed: Array<string> = []
  for (const content of contents.values()) {
    look()
    if (content.found !== undefined && !readStoredFile(content, unused)) changed.push(content.digest)
  }
  return changed
}
