/** The entries of trees on disk, in place of an archive's: sent back, or written. */
import type { OperatorFunction } from "rxjs"
import { Observable } from "../../../seams/rxjs.ts"
import { makeApplier } from "../../apply/apply.ts"
import { reachDisk } from "../../apply/reachDisk.ts"
import type { ReadStoredJob } from "../../messages/WorkerJob.ts"
import type { Done } from "../../messages/WorkerMessage.ts"
import { Cancelled, type RingReader } from "../../Ring.ts"
import type { Part } from "../../tar/untar.ts"
import { readStored } from "../../tree/readStored.ts"
import { sendEntries } from "../sendEntries.ts"
import { writeEntries } from "../writeEntries.ts"
import { ended, noCounts, type Post } from "./outcomeOf.ts"

const takeEntries = ({ digest, copy }: ReadStoredJob, ring: RingReader, post: Post): OperatorFunction<Part, never> => {
  if (copy === undefined) return sendEntries(ring, post)
  const { limits, write } = copy
  const { directory, extraction, lasting } = write
  const look = () => ring.look()
  return writeEntries(
    () => makeApplier({ ...extraction, directory, digest, limits, isMerged: true, warn: post, look }),
    () => lasting && reachDisk(directory)
  )
}

export const readStoredTree = async (job: ReadStoredJob, ring: RingReader, post: Post): Promise<Done> => {
  let large = 0
  let entries = 0
  const parts$ = new Observable<Part>((subscriber) => {
    readStored(job, {
      next: (part) => {
        if (part._tag === "Begin") large += 1
        if (part._tag === "Begin" || part._tag === "Entry") entries += 1
        subscriber.next(part)
        if (subscriber.closed) throw new Cancelled("what was read cannot be sent")
      },
      isWanted: () => job.copy !== undefined || ring.isWanted(large),
      look: () => ring.look()
    })
    subscriber.complete()
  })
  await ended(parts$.pipe(takeEntries(job, ring, post)))
  return { _tag: "Done", counts: { ...noCounts, entries } }
}
