/** The fingerprint of a tree that is there, taken by a worker: subscribing waits for one, unsubscribing stops it at once. */
import { Observable } from "rxjs"
import { unpackReason } from "../messages/packReason.ts"
import type { FingerprintJob } from "../messages/WorkerJob.ts"
import type { WorkerPool } from "./WorkerPool.ts"

export const takeFingerprint = (pool: WorkerPool, job: FingerprintJob): Observable<string> =>
  new Observable((found) => {
    const place = pool.take((worker) => {
      const stop = worker.start(job, {
        died: (reason) => found.error(reason),
        message: (message) => {
          if (message._tag === "Failed") found.error(unpackReason(message.reason))
          if (message._tag !== "Done" || message.fingerprint === undefined) return
          found.next(message.fingerprint)
          found.complete()
        }
      })
      found.add(stop)
    })
    found.add(place.leave)
  })
