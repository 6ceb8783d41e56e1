/** A layer: the bytes of the ring, verified, decompressed, and read as an archive; its entries written, or sent back. */
import type { MonoTypeOperatorFunction, OperatorFunction } from "rxjs"
import { tap } from "../../../seams/rxjs.ts"
import { makeApplier } from "../../apply/apply.ts"
import { reachDisk } from "../../apply/reachDisk.ts"
import { decompress, makeInputBudget } from "../../compression/decompress.ts"
import type { ExtractJob } from "../../messages/WorkerJob.ts"
import type { Done } from "../../messages/WorkerMessage.ts"
import { fingerprint } from "../../metadata/fingerprint.ts"
import type { RingReader } from "../../Ring.ts"
import { type Part, untar } from "../../tar/untar.ts"
import { verifyDigest } from "../../verifyDigest.ts"
import { digestErrorFirst } from "../digestErrorFirst.ts"
import { nameParts } from "../nameParts.ts"
import { readRing } from "../readRing.ts"
import { selectParts } from "../selectParts.ts"
import { sendEntries } from "../sendEntries.ts"
import { sendHeaders } from "../sendHeaders.ts"
import { spoolBodies } from "../spoolBodies.ts"
import { writeEntries } from "../writeEntries.ts"
import { ended, type Post } from "./outcomeOf.ts"
import { Progress } from "./Progress.ts"

export const extractLayer = async (job: ExtractJob, ring: RingReader, post: Post): Promise<Done> => {
  const { digest, diffId, size, limits, send, write, spool } = job
  const progress = new Progress(post)
  const { counts } = progress
  const count = (what: "consumed" | "inflated"): MonoTypeOperatorFunction<Uint8Array> =>
    tap((chunk) => progress.add(what, chunk.length))

  let print: string | undefined
  const writing = ({ directory, extraction, hasLower, lasting, facts, names }: NonNullable<typeof write>) => {
    const look = () => ring.look()
    const options = { ...extraction, directory, hasLower, digest, limits, warn: post, look }
    return writeEntries(
      () => makeApplier({ ...options, isMerged: names !== undefined }),
      () => {
        if (lasting) reachDisk(directory)
        if (facts !== undefined) print = fingerprint(directory, facts, look)
      }
    )
  }
  const takeEntries = (): OperatorFunction<Part, never> => {
    if (write !== undefined) return writing(write)
    return send === "headers" ? sendHeaders(ring, post) : sendEntries(ring, post)
  }

  const budget = makeInputBudget()
  await ended(
    readRing(ring, budget, progress.tell).pipe(
      verifyDigest("blob", digest, size),
      count("consumed"),
      digestErrorFirst((blob$) =>
        blob$.pipe(
          decompress(job, budget),
          diffId === undefined ? (archive$) => archive$ : verifyDigest("diffID", diffId),
          count("inflated"),
          untar({ digest, limits, warn: post }),
          tap((part) => {
            if (part._tag === "Entry" || part._tag === "Begin") counts.entries++
          }),
          (parts$) => (spool === undefined ? parts$ : spoolBodies(spool)(parts$)),
          (parts$) => (Array.isArray(send) ? selectParts(send)(parts$) : parts$),
          (parts$) => (write?.names === undefined ? parts$ : nameParts(write.names)(parts$)),
          takeEntries()
        )
      )
    )
  )
  return { _tag: "Done", counts, fingerprint: print }
}
