/**
 * The extraction worker. Inside it everything is synchronous and may block: the thread is there for that. One job at a
 * time; between two jobs it sleeps.
 */
import { parentPort, workerData } from "node:worker_threads"
import { endThread } from "../../seams/endThread.ts"
import { collectIfGrown } from "../../seams/v8/collectHeap.ts"
import { exposeGc, isGcExposed } from "../../seams/v8/exposeGc.ts"
import type { WorkerJob } from "../messages/WorkerJob.ts"
import type { Done, Message, WorkerCommand, WorkerData } from "../messages/WorkerMessage.ts"
import { fingerprint } from "../metadata/fingerprint.ts"
import { RingReader } from "../Ring.ts"
import { copyRanges } from "./jobs/copyRanges.ts"
import { decompressFor } from "./jobs/decompressFor.ts"
import { extractLayer } from "./jobs/extractLayer.ts"
import { noCounts, outcomeOf, type Post } from "./jobs/outcomeOf.ts"
import { placeEntries } from "./jobs/placeEntries.ts"
import { readStoredTree } from "./jobs/readStoredTree.ts"

/** Few workers have so many; those have their garbage collected. */
const manyJobs = 16

const run = (job: WorkerJob, ring: RingReader, post: Post): Done | Promise<Done> => {
  const look = () => ring.look()
  switch (job._tag) {
    case "Extract":
      return extractLayer(job, ring, post)
    case "ExtractPartial":
      return import("../partial/extractPartial.ts").then((it) => it.extractPartial(job, ring, post))
    case "ReadTable":
      return import("../partial/readTable.ts").then((it) => it.readTable(job, ring, post))
    case "ReadStored":
      return readStoredTree(job, ring, post)
    case "Place":
      return placeEntries(job, ring, post)
    case "CopyRanges":
      copyRanges(job, look)
      return { _tag: "Done", counts: noCounts }
    case "Fingerprint":
      return { _tag: "Done", counts: noCounts, fingerprint: fingerprint(job.tree.directory, job.tree.facts, look) }
    case "Decompress":
      decompressFor(job)
      return { _tag: "Done", counts: noCounts }
    default:
      throw new Error("it does not know this job: ociflow-worker.js is of another version than the library")
  }
}

if (parentPort !== null) {
  const port = parentPort
  const { ring: memory, exposesGc } = workerData as WorkerData
  let jobs = 0
  const ring = new RingReader(memory, () => port.postMessage({ _tag: "Drained" } satisfies Message))
  const post: Post = (message, transfer = []) => port.postMessage(message, [...transfer])
  port.on("message", (command: WorkerCommand) => {
    if (command === "end") return endThread(port)
    jobs += 1
    if (jobs === manyJobs && exposesGc && !isGcExposed()) exposeGc()
    collectIfGrown()
    void outcomeOf(command.digest, () => run(command, ring, post)).then(post)
  })
  ring.ready()
}
