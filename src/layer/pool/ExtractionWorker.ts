/** An extraction worker as the event loop sees it: its thread, its ring, and one job at a time. */

import type { Worker } from "node:worker_threads"
import { messageOf } from "../../api/codeOf.ts"
import { FileSystemFailed, ModuleMissing, WorkerDied } from "../../api/errors.ts"
import { startWorker } from "../../assets.ts"
import { isMissing, scarcity } from "../../fs/loadModule.ts"
import { collectIfGrown } from "../../seams/v8/collectHeap.ts"
import { isGcExposed } from "../../seams/v8/exposeGc.ts"
import type { WorkerJob } from "../messages/WorkerJob.ts"
import type { Message, WorkerCommand, WorkerData } from "../messages/WorkerMessage.ts"
import { makeRingMemory, RingWriter } from "../Ring.ts"

/** Bytes between the event loop and the worker: what may arrive while the worker is busy with something slow. */
export const ringBytes = 2 ** 20

/** Each piece of output is soon garbage outside the heap, and is freed when this part of the heap is full. */
const youngMegabytes = 1

/** Milliseconds that a worker gets to let go by itself before its thread is ended. */
const patience = 5000

/**
 * A thread that is ended while it loads a native module takes the whole process with it (Node-API has nobody to throw
 * to). So a program that exits lets the workers that are still loading finish that: some 100 ms, and never longer than
 * this many milliseconds.
 */
const exitPatience = 2000
const alive = new Set<RingWriter>()
const onExit = () => {
  for (const ring of alive) ring.awaitReady(exitPatience)
}

/** A thread that finds no descriptor, or no memory, for its files has met a limit of the system. */
type Death = WorkerDied | FileSystemFailed | ModuleMissing

interface Running {
  readonly job: WorkerJob
  readonly message: (message: Message) => void
  readonly died: (reason: Death) => void
  /** Resolved once the worker has let go of everything of this job. */
  readonly ended: Promise<void>
  readonly end: () => void
}

const deathOf = (error: unknown, digest: string): Death => {
  const code = scarcity(error)
  if (code !== undefined) return new FileSystemFailed({ operation: "start", path: "an extraction worker", code })
  // The worker is one file: it is the one that is not there.
  if (isMissing(error))
    return new ModuleMissing({
      module: "the extraction worker",
      problem: `${messageOf(error).split("\n", 1)[0]}. Bundlers leave this file out: copy ociflow-worker.js beside the bundle, or set the option worker (docs/bundling.md)`
    })
  return new WorkerDied({ digest, problem: messageOf(error) })
}

/** The directory, or file, that a job writes. */
const targetOf = (job: WorkerJob): string | undefined => {
  switch (job._tag) {
    case "Extract":
      return job.spool ?? job.write?.directory
    case "ExtractPartial":
    case "Place":
      return job.write.directory
    case "ReadStored":
      return job.copy?.write.directory
    case "CopyRanges":
      return job.into
    default:
      return undefined
  }
}

export class ExtractionWorker {
  readonly #worker: Worker
  readonly #ended: Promise<void>
  readonly ring: RingWriter
  #running: Running | undefined
  #dead = false
  #ending = false

  /** `free`: a job is over, and the worker takes the next one, or is dead and takes none. */
  constructor(free: (worker: ExtractionWorker) => void) {
    const memory = makeRingMemory(ringBytes)
    this.ring = new RingWriter(memory)
    this.#worker = startWorker({
      workerData: { ring: memory, exposesGc: isGcExposed() } satisfies WorkerData,
      name: "ociflow extraction",
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: youngMegabytes }
    })
    if (alive.size === 0) process.on("exit", onExit)
    alive.add(this.ring)
    const die = (error: unknown) => {
      if (this.#dead) return
      this.#dead = true
      alive.delete(this.ring)
      if (alive.size === 0) process.off("exit", onExit)
      const running = this.#finish()
      if (running !== undefined) running.died(deathOf(error, running.job.digest))
      free(this)
    }
    this.#worker.on("error", die)
    this.#worker.on("messageerror", die)
    this.#ended = new Promise((resolve) => {
      this.#worker.on("exit", (code) => {
        die(new Error(`it ended with code ${code}`))
        resolve()
      })
    })
    this.#worker.on("message", (message: Message) => {
      const running = this.#running
      const last = message._tag === "Done" || message._tag === "Failed" || message._tag === "Stopped"
      if (last) {
        this.#finish()
        collectIfGrown()
      }
      running?.message(message)
      if (last && !this.#dead) free(this)
    })
    // After the listeners, each of which would hold the program again.
    this.#worker.unref()
  }

  /** Or about to be: it takes no more jobs. */
  get isDead(): boolean {
    return this.#dead || this.#ending
  }

  /** Milliseconds for which its job has waited for bytes of a layer; 0 where it has something to do. */
  get silence(): number {
    switch (this.#running?.job._tag) {
      case "Extract":
      case "ExtractPartial":
      case "ReadTable":
        return this.ring.silence
      default:
        return 0
    }
  }

  /** The directory, or file, that is being written, and when that is over. */
  get running(): { readonly target: string | undefined; readonly ended: Promise<void> } | undefined {
    if (this.#running === undefined) return undefined
    const { job, ended } = this.#running
    return { target: targetOf(job), ended }
  }

  /**
   * Runs a job. The function that is returned stops it at its next step, and only it: when it is over the worker may have
   * another one. `free` follows when the worker has closed its files, or is dead since a step of it did not end.
   */
  start(job: WorkerJob, on: { message: (message: Message) => void; died: (reason: Death) => void }): () => void {
    let end = () => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const running = { job, ...on, ended, end }
    this.#running = running
    this.ring.reset()
    // A thread at rest must not keep a program alive; one at work must.
    this.#worker.ref()
    this.#worker.postMessage(job satisfies WorkerCommand)
    return () => {
      if (this.#running !== running) return
      this.ring.cancel()
      this.#within(ended)
    }
  }

  /** Ends the thread, once it has let go of everything; a job that runs fails at once. */
  async end(): Promise<void> {
    this.#ending = true
    this.#running?.died(new WorkerDied({ digest: this.#running.job.digest, problem: "its pool was closed" }))
    this.ring.cancel()
    this.#worker.postMessage("end" satisfies WorkerCommand)
    this.#worker.ref()
    this.#within(this.#ended)
    await this.#ended
  }

  #within(done: Promise<void>): void {
    const timer = setTimeout(() => void this.#worker.terminate(), patience)
    void done.then(() => clearTimeout(timer))
  }

  #finish(): Running | undefined {
    const running = this.#running
    this.#running = undefined
    this.#worker.unref()
    running?.end()
    return running
  }
}
