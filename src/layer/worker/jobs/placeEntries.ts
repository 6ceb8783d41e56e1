/** Entries of a merged tree that need no archive → disk. */
import { makeApplier } from "../../apply/apply.ts"
import { reachDisk } from "../../apply/reachDisk.ts"
import type { PlaceJob } from "../../messages/WorkerJob.ts"
import type { Done } from "../../messages/WorkerMessage.ts"
import type { RingReader } from "../../Ring.ts"
import { noCounts, type Post } from "./outcomeOf.ts"

export const placeEntries = ({ digest, limits, headers, write }: PlaceJob, ring: RingReader, post: Post): Done => {
  const { directory, lasting, extraction } = write
  const look = () => ring.look()
  const applier = makeApplier({ ...extraction, directory, digest, limits, isMerged: true, warn: post, look })
  try {
    for (const header of headers) applier.entry(header)
    applier.finish()
    if (lasting) reachDisk(directory)
  } finally {
    applier.close()
  }
  return { _tag: "Done", counts: { ...noCounts, entries: headers.length } }
}
