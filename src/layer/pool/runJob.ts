/** A job as an observable: subscribing waits for a worker and starts it, unsubscribing stops it at once. */
import { Observable } from "rxjs"
import type { LayerProgress, Warning } from "../../api/events.ts"
import { Gate } from "../../reactive/Gate.ts"
import { isCompressed } from "../compression/archiveTypes.ts"
import { closeDecoder, makeDecoderMemory } from "../compression/elsewhere/DecoderRings.ts"
import { unpackReason } from "../messages/packReason.ts"
import type { CopyRangesJob, ExtractJob, PartialJob, PlaceJob, ReadStoredJob, TableJob } from "../messages/WorkerJob.ts"
import type { Counts, EntryMessage, HeadersMessage, PartialMessage } from "../messages/WorkerMessage.ts"
import { feed, type RingWriter } from "../Ring.ts"
import type { Use, WorkerPool } from "./WorkerPool.ts"

/** The last value of a job. */
export interface Extracted {
  readonly _tag: "Extracted"
  /** Bytes of the archive. */
  readonly inflated: number
  readonly entries: number
  /** Of the tree, where it is finished: what `fingerprint$` gives as long as nobody changes it. */
  readonly fingerprint?: string
}

export type JobEvent = LayerProgress | Warning | Extracted

export interface JobOptions {
  /**
   * What goes on while no worker is free: subscribed to until the job ends, unless one is free at once. Its failure is the
   * job's. The job waits for a worker once it has emitted or completed.
   */
  readonly ahead$?: Observable<unknown> | undefined
  /** Takes what a worker sends back of the entries. */
  readonly receive?: (ring: RingWriter) => Receiver
  /** Default: `read` where something is received. */
  readonly use?: Use
  /** Hears of a plan, which waits for its answer, and of stored files that were changed: the job then ends without a result. */
  readonly planned?: (message: PartialMessage, ring: RingWriter) => void
}

/**
 * Bytes of a blob from which on a second worker decompresses it, where a core is free: less than it takes to start a thread is not
 * worth it.
 */
export const decodedElsewhere = 16 * 2 ** 20
const isDecodedElsewhere = ({ mediaType, size }: ExtractJob) => size >= decodedElsewhere && isCompressed(mediaType)

/** Takes what a worker sends back of the entries. */
export type Receiver = (message: EntryMessage | HeadersMessage) => void

export const runJob = (
  pool: WorkerPool,
  job: ExtractJob | PartialJob | TableJob | PlaceJob | CopyRangesJob | ReadStoredJob,
  source: (gate: Gate) => Observable<Uint8Array>,
  { ahead$, receive, use = receive === undefined ? "write" : "read", planned }: JobOptions = {}
): Observable<JobEvent> =>
  new Observable((events) => {
    let isTaken = false
    const fail = (error: unknown) => events.error(error)
    const place = pool.take(
      (worker) => {
        isTaken = true
        const gate = new Gate()
        const receiver = receive?.(worker.ring)
        let received = 0
        const progress = (counts: Counts) =>
          events.next({
            _tag: "LayerProgress",
            digest: job.digest,
            size: "size" in job ? job.size : 0,
            received,
            ...counts
          })

        const spare = job._tag === "Extract" && isDecodedElsewhere(job) ? pool.takeSpare() : undefined
        const decoder = spare === undefined ? undefined : makeDecoderMemory()
        const stop = worker.start(job._tag === "Extract" && decoder !== undefined ? { ...job, decoder } : job, {
          died: fail,
          message: (message) => {
            switch (message._tag) {
              case "Drained":
                return fed.drained()
              case "Progress":
                return progress(message.counts)
              case "Warning":
                return events.next(message)
              case "Failed":
                return fail(unpackReason(message.reason))
              case "Stopped":
                return
              case "Planned":
              case "Changed":
                return planned?.(message, worker.ring)
              case "Done": {
                const { counts, fingerprint } = message
                const { inflated, entries } = counts
                const known = fingerprint === undefined ? {} : { fingerprint }
                progress(counts)
                events.next({ _tag: "Extracted", inflated, entries, ...known })
                return events.complete()
              }
              default:
                return receiver?.(message)
            }
          }
        })
        // Before the source is subscribed: it may fail, or end, on the spot.
        events.add(stop)
        if (spare !== undefined && decoder !== undefined) {
          // In this order: what is over is not stopped.
          events.add(() => closeDecoder(decoder))
          events.add(
            spare.start({ _tag: "Decompress", digest: job.digest, decoder }, { died: fail, message: () => undefined })
          )
        }
        const fed = feed(source(gate), worker.ring, gate, {
          received: (bytes) => {
            received += bytes
          },
          error: fail
        })
        events.add(fed.subscription)
      },
      { use, isReady: ahead$ === undefined }
    )
    events.add(place.leave)
    if (!isTaken) events.add(ahead$?.subscribe({ next: place.ready, error: fail, complete: place.ready }))
  })
