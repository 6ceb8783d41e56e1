/**
 * The extraction worker. Inside it everything is synchronous and may block: the thread is there for that. One job at a
 * time; between two jobs it sleeps.
 */

import { type MessagePort, parentPort, workerData } from "node:worker_threads"
import type { MonoTypeOperatorFunction, OperatorFunction } from "rxjs"
import { endThread } from "../../seams/endThread.ts"
import { collectIfGrown } from "../../seams/readBuffers.ts"
import { Observable, tap } from "../../seams/rxjs.ts"
import { exposeGc, isGcExposed } from "../../seams/v8/exposeGc.ts"
import { makeApplier } from "../apply/apply.ts"
import { reachDisk } from "../apply/reachDisk.ts"
import { decompress, makeInputBudget } from "../compression/decompress.ts"
import type { Applier } from "../Entry.ts"
import { fingerprint } from "../metadata/fingerprint.ts"
import { Cancelled, RingReader } from "../Ring.ts"
import { type Part, untar } from "../tar/untar.ts"
import { readStored } from "../tree/readStored.ts"
import { verifyDigest } from "../verifyDigest.ts"
import {
  type CopyRangesJob,
  type FingerprintJob,
  type Job,
  type Message,
  type PlaceJob,
  packReason,
  type StoredTreeJob,
  type WorkerCommand,
  type WorkerData
} from "../workerMessages.ts"
import { copyRanges } from "./copyRanges.ts"
import { decodeFor } from "./decodeFor.ts"
import { digestErrorFirst } from "./digestErrorFirst.ts"
import { nameParts } from "./nameParts.ts"
import { readRing } from "./readRing.ts"
import { selectParts } from "./selectParts.ts"
import { sendEntries } from "./sendEntries.ts"
import { sendHeaders } from "./sendHeaders.ts"
import { spoolBodies } from "./spoolBodies.ts"
import { writeEntries } from "./writeEntries.ts"

/** Few workers have so many; those have their garbage collected. */
const manyJobs = 16

/** Milliseconds between two messages of progress. */
const progressInterval = 50

const run = (job: Job, ring: RingReader, port: MessagePort): void => {
  const { digest, diffId, size, limits, send, write, spool } = job
  const counts = { consumed: 0, inflated: 0, entries: 0 }
  const post = (message: Message) => port.postMessage(message)
  const warn = (warning: Extract<Message, { _tag: "Warning" }>) => post(warning)

  let told = performance.now()
  const tell = () => {
    told = performance.now()
    post({ _tag: "Progress", counts: { ...counts } })
  }
  const count = (what: "consumed" | "inflated"): MonoTypeOperatorFunction<Uint8Array> =>
    tap((chunk) => {
      counts[what] += chunk.length
      if (performance.now() - told >= progressInterval) tell()
    })

  const finish = ({ directory, lasting, facts }: NonNullable<Job["write"]>) => {
    if (lasting) reachDisk(directory)
    if (facts !== undefined) print = fingerprint(directory, facts, () => ring.look())
  }

  let print: string | undefined
  let outcome: Message = { _tag: "Stopped" }
  const budget = makeInputBudget()
  const running = readRing(ring, budget, tell)
    .pipe(
      verifyDigest("blob", digest, size),
      count("consumed"),
      digestErrorFirst((blob$) =>
        blob$.pipe(
          decompress(job, budget),
          diffId === undefined ? (archive$) => archive$ : verifyDigest("diffID", diffId),
          count("inflated"),
          untar({ digest, limits, warn }),
          tap((part) => {
            if (part._tag === "Entry" || part._tag === "Begin") counts.entries++
          }),
          (parts$) => (spool === undefined ? parts$ : spoolBodies(spool)(parts$)),
          (parts$) => (Array.isArray(send) ? selectParts(send)(parts$) : parts$),
          (parts$) => (write?.names === undefined ? parts$ : nameParts(write.names)(parts$)),
          write === undefined
            ? send === "headers"
              ? sendHeaders(ring, post)
              : sendEntries(ring, (message, transfer) => port.postMessage(message, [...transfer]))
            : writeEntries(
                () =>
                  makeApplier({
                    ...write.extraction,
                    directory: write.directory,
                    hasLower: write.hasLower,
                    digest,
                    limits,
                    warn,
                    look: () => ring.look(),
                    isMerged: write.names !== undefined
                  }),
                () => finish(write)
              )
        )
      )
    )
    .subscribe({
      error: (error) => {
        if (!(error instanceof Cancelled)) outcome = { _tag: "Failed", reason: packReason(error, digest) }
      },
      complete: () => {
        outcome = { _tag: "Done", counts, fingerprint: print }
      }
    })
  // Last of all, when every file is closed and nothing touches the ring any more: after this message the
  // directory may be removed, and the ring reset for the next layer.
  running.add(() => queueMicrotask(() => post(outcome)))
}

/** Entries of a merged tree → disk. */
const place = ({ digest, limits, headers, write }: PlaceJob, ring: RingReader, port: MessagePort): void => {
  const post = (message: Message) => port.postMessage(message)
  const { directory, lasting, extraction } = write
  let outcome: Message
  let applier: Applier | undefined
  try {
    const options = { ...extraction, directory, digest, limits, isMerged: true }
    applier = makeApplier({ ...options, warn: post, look: () => ring.look() })
    for (const header of headers) applier.entry(header)
    applier.finish()
    if (lasting) reachDisk(directory)
    outcome = { _tag: "Done", counts: { consumed: 0, inflated: 0, entries: headers.length } }
  } catch (error) {
    outcome = error instanceof Cancelled ? { _tag: "Stopped" } : { _tag: "Failed", reason: packReason(error, digest) }
  } finally {
    applier?.close()
  }
  post(outcome)
}

const copy = (job: CopyRangesJob, ring: RingReader, port: MessagePort): void => {
  let outcome: Message = { _tag: "Done", counts: { consumed: 0, inflated: 0, entries: 0 } }
  try {
    copyRanges(job, () => ring.look())
  } catch (error) {
    const { digest } = job
    outcome = error instanceof Cancelled ? { _tag: "Stopped" } : { _tag: "Failed", reason: packReason(error, digest) }
  }
  port.postMessage(outcome)
}

const survey = ({ digest, tree: { directory, facts } }: FingerprintJob, ring: RingReader, port: MessagePort): void => {
  const post = (message: Message) => port.postMessage(message)
  try {
    const print = fingerprint(directory, facts, () => ring.look())
    post({ _tag: "Done", counts: { consumed: 0, inflated: 0, entries: 0 }, fingerprint: print })
  } catch (error) {
    post(error instanceof Cancelled ? { _tag: "Stopped" } : { _tag: "Failed", reason: packReason(error, digest) })
  }
}

/** What becomes of the entries of a tree: they are sent back, or written. */
const intoPlace = (
  { digest, copy }: StoredTreeJob,
  ring: RingReader,
  port: MessagePort
): OperatorFunction<Part, never> => {
  if (copy === undefined) return sendEntries(ring, (message, transfer) => port.postMessage(message, [...transfer]))
  const { limits, write } = copy
  const { directory, extraction, lasting } = write
  const warn = (warning: Extract<Message, { _tag: "Warning" }>) => port.postMessage(warning)
  return writeEntries(
    () => makeApplier({ ...extraction, directory, digest, limits, warn, look: () => ring.look(), isMerged: true }),
    () => lasting && reachDisk(directory)
  )
}

/** The entries of trees on disk, in place of an archive's. */
const readTree = (job: StoredTreeJob, ring: RingReader, port: MessagePort): void => {
  let large = 0
  let entries = 0
  let outcome: Message = { _tag: "Stopped" }
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
  parts$.pipe(intoPlace(job, ring, port)).subscribe({
    error: (error) => {
      if (!(error instanceof Cancelled)) outcome = { _tag: "Failed", reason: packReason(error, job.digest) }
    },
    complete: () => {
      outcome = { _tag: "Done", counts: { consumed: 0, inflated: 0, entries } }
    }
  })
  port.postMessage(outcome)
}

if (parentPort !== null) {
  const port = parentPort
  const { ring: memory, exposesGc } = workerData as WorkerData
  let jobs = 0
  const ring = new RingReader(memory, () => port.postMessage({ _tag: "Drained" } satisfies Message))
  port.on("message", (order: WorkerCommand) => {
    if (order === "end") return endThread(port)
    jobs += 1
    if (jobs === manyJobs && exposesGc && !isGcExposed()) exposeGc()
    collectIfGrown()
    if ("tree" in order) survey(order, ring, port)
    else if ("wanted" in order) void import("../partial/readTable.ts").then((it) => it.readTable(order, ring, port))
    else if ("table" in order)
      void import("../partial/extractPartial.ts").then((it) => it.extractPartial(order, ring, port))
    else if ("stored" in order) readTree(order, ring, port)
    else if ("ranges" in order) copy(order, ring, port)
    else if ("headers" in order) place(order, ring, port)
    else if (!("mediaType" in order)) port.postMessage(decodeFor(order))
    else run(order, ring, port)
  })
  ring.ready()
}
