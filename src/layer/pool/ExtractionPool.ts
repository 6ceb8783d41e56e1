/** Layers → directories, or → entries, in worker threads. */
import { availableParallelism } from "node:os"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { EMPTY, Observable } from "rxjs"
import { type Durability, defaultLimits, filled, type Limits, type Some } from "../../api/config.ts"
import type { LayerProgress, Warning } from "../../api/events.ts"
import type { Gate } from "../../reactive/Gate.ts"
import type { EntryCursor } from "../EntryCursor.ts"
import { type ExtractionOptions, extractionOf } from "../ExtractionOptions.ts"
import { type FingerprintFacts, fingerprintFactsOf } from "../FingerprintFacts.ts"
import { layouts } from "../layout/layouts.ts"
import type { CopyRangesJob, PartialJob, ReadStoredJob, StoredQuestion, TableJob } from "../messages/WorkerJob.ts"
import { weight } from "../messages/weight.ts"
import type { PackedHeaders } from "../packHeaders.ts"
import { LayerCursor } from "./LayerCursor.ts"
import type { CopiedTree, FinishedTree, LayerJob, MergedEntries, StoredEntry, StoredTree } from "./LayerJob.ts"
import { type JobEvent, type JobOptions, type Receiver, runJob } from "./runJob.ts"
import { takeFingerprint } from "./takeFingerprint.ts"
import { WorkerPool } from "./WorkerPool.ts"

export type { CopiedTree, FinishedTree, LayerJob, MergedEntries, StoredEntry, StoredTree } from "./LayerJob.ts"
export type { Extracted, JobEvent } from "./runJob.ts"

export interface ExtractionPoolOptions extends ExtractionOptions {
  /**
   * Threads, beside those of layers that have fallen silent. Default: as many as cores; never more are made than layers
   * are under way.
   */
  readonly workers?: number | undefined
  readonly limits?: Some<Limits> | undefined
  /** `power`: a layer is on the disk before it is done. Default `crash`. */
  readonly durability?: Durability | undefined
}

/** A blob's bytes; it must honour the gate. */
export type Source = (gate: Gate) => Observable<Uint8Array>

/** How a download goes on without a worker. */
export type Ahead = JobOptions["ahead$"]

export class ExtractionPool extends Context.Service<
  ExtractionPool,
  {
    /**
     * Verifies, decompresses and writes a layer. `source` is subscribed once a worker is free; where none is at once,
     * `ahead$` is, until the end: a worker is waited for once it has emitted or completed. Emits progress (at most some 20 a
     * second) and warnings, at last `Extracted`; fails with a `Reason`. Unsubscribing stops the worker at once, and frees it
     * for the next layer.
     */
    readonly extract$: (job: LayerJob, source: Source, ahead$?: Ahead) => Observable<JobEvent>
    /** Writes entries without bodies. Emits warnings, at last `Extracted`; fails with a `Reason`. */
    readonly place$: (entries: MergedEntries) => Observable<JobEvent>
    /**
     * Extracts a layer by its table. `source`: the bytes of the table, and then those of the ranges that `planned` hears of,
     * which answers the question 1 of the ring.
     */
    readonly partial$: (
      job: Omit<PartialJob, "_tag" | "limits" | "write"> & { readonly directory: string },
      source: Source,
      planned: NonNullable<JobOptions["planned"]>
    ) => Observable<JobEvent>
    /**
     * Reads a layer by its table: the headers of all entries, or the file of the number `wanted`. `source` and `planned`: as those of
     * `partial$`; headers alone have no plan.
     */
    readonly table$: (
      job: Omit<TableJob, "_tag" | "limits">,
      source: Source,
      on: { readonly planned: NonNullable<JobOptions["planned"]>; readonly receive: Receiver }
    ) => Observable<JobEvent>
    /** Copies ranges of a file to their places in another one. Emits `Extracted` when all are there; fails with a `Reason`. */
    readonly copyRanges$: (ranges: Omit<CopyRangesJob, "_tag">) => Observable<JobEvent>
    /**
     * The archive's entries in place of a directory, as they are asked for. `source` is subscribed once the first is asked
     * for and a worker is free; that worker is taken until the last entry was sent or the cursor is closed. What an entry
     * says is proven only when the last one was. `warn` hears of what is odd.
     */
    readonly entries: (
      job: Omit<LayerJob, "directory" | "extraction" | "parts"> & {
        /** Only the entries of these numbers, in rising order. Default: all. */
        readonly send?: ReadonlyArray<number>
      },
      source: Source,
      warn?: (warning: Warning) => void
    ) => EntryCursor
    /**
     * The headers of an archive's entries, without their bodies, many at once, as fast as they come. Completes when all bytes are verified.
     * `spool`: a file that is made, and that the bodies of all files are written to, back to back in the order of the archive,
     * without holes. `tell` hears of progress and of what is odd. `ahead$`: as that of `extract$`.
     */
    readonly headers$: (
      job: Omit<LayerJob, "directory" | "parts"> & { readonly spool?: string | undefined },
      source: Source,
      tell?: (event: LayerProgress | Warning) => void,
      ahead$?: Ahead
    ) => Observable<PackedHeaders>
    /** Entries of trees that are on disk, in place of those of an archive. */
    readonly stored: (digest: string, tree: StoredTree) => EntryCursor<StoredEntry>
    /** Writes a tree that is on disk a second time. Emits warnings, at last `Extracted`; fails with a `Reason`. */
    readonly copy$: (tree: CopiedTree) => Observable<JobEvent>
    /**
     * The fingerprint of a tree that was finished, as it is now. Nothing where `like` was taken in a way that this
     * version does not know. Fails with `FileSystemFailed`, also where the tree is changed meanwhile.
     */
    readonly fingerprint$: (tree: FinishedTree) => Observable<string>
    /** What is written must be on the disk before it gets its name. */
    readonly lasting: boolean
    /** A layer will come soon. */
    readonly warm: Effect.Effect<void>
    /** Reserves a core for each of so many layers, so that no spare worker takes it. Run the returned effect each time a layer is done. */
    readonly expect: (layers: number) => Effect.Effect<Effect.Effect<void>, never, Scope.Scope>
    /** Done once no worker writes to this directory, or file: to be awaited after an unsubscription, before it is removed. */
    readonly settled: (target: string) => Effect.Effect<void>
  }
>()("ociflow/layer/ExtractionPool") {
  static readonly layer = (options: ExtractionPoolOptions = {}): Layer.Layer<ExtractionPool> =>
    Layer.effect(
      ExtractionPool,
      Effect.gen(function* () {
        const { workers = availableParallelism(), limits, durability } = options
        const lasting = durability === "power"
        const pool = yield* Effect.acquireRelease(
          Effect.sync(() => new WorkerPool(workers)),
          (made) => Effect.promise(() => made.close())
        )
        // Nothing else of the options, credentials among them, is given to a thread.
        const extraction = extractionOf(options)
        const all = filled(defaultLimits, limits)
        const ours: FingerprintFacts = extraction.ownership === "chown" ? "owners" : "plain"
        // A merged tree is finished when its last layer is, which no job knows of itself.
        const facts = layouts[extraction.layout].isMerged ? undefined : ours
        const storedOf = ({ ownership, overlayAttributes, layout, ...tree }: StoredTree): ReadStoredJob["stored"] => ({
          ...tree,
          layout: layout ?? extraction.layout,
          ownership: ownership ?? extraction.ownership,
          overlayAttributes: overlayAttributes ?? extraction.overlayAttributes
        })
        return ExtractionPool.of({
          extract$: ({ directory, extraction: own, hasLower, parts, ...layer }, source, ahead$) => {
            const place = { directory, hasLower, lasting }
            const write = own === undefined ? { ...place, extraction, facts } : { ...place, extraction: own }
            const job = { _tag: "Extract", ...layer, limits: all, write } as const
            if (parts === undefined) return runJob(pool, job, source, { ahead$ })
            const [send, names] = [[...parts.keys()], [...parts.values()]]
            return runJob(pool, { ...job, send, write: { ...write, names } }, source, { ahead$ })
          },
          place$: ({ digest, directory, headers, extraction: own = extraction }) =>
            runJob(
              pool,
              { _tag: "Place", digest, limits: all, headers, write: { directory, extraction: own, lasting } },
              () => EMPTY
            ),
          partial$: ({ directory, ...layer }, source, planned) =>
            runJob(
              pool,
              { _tag: "ExtractPartial", ...layer, limits: all, write: { directory, extraction, lasting, facts } },
              source,
              {
                planned
              }
            ),
          table$: (job, source, { planned, receive }) =>
            runJob(pool, { _tag: "ReadTable", ...job, limits: all }, source, {
              planned,
              receive: (ring) => (message) => {
                receive(message)
                ring.giveBack(message._tag === "Headers" ? message.weight : weight(message))
              }
            }),
          copyRanges$: (ranges) => runJob(pool, { _tag: "CopyRanges", ...ranges }, () => EMPTY),
          entries: (layer, source, warn) =>
            new LayerCursor(({ message, end, ring }) =>
              runJob(pool, { _tag: "Extract", ...layer, limits: all }, source, {
                receive: (writer) => {
                  ring(writer)
                  return (sent) => sent._tag !== "Headers" && message(sent)
                }
              }).subscribe({
                next: (event) => event._tag === "Warning" && warn?.(event),
                error: (error) => end({ error }),
                complete: () => end()
              })
            ),
          headers$: (layer, source, tell, ahead$) =>
            new Observable((headers) =>
              runJob(pool, { _tag: "Extract", ...layer, limits: all, send: "headers" }, source, {
                ahead$,
                // It waits for nobody: no more of them are at once than there are workers to keep.
                use: "write",
                receive: (ring) => (message) => {
                  if (message._tag !== "Headers") return
                  headers.next(message.headers)
                  ring.giveBack(message.weight)
                }
              }).subscribe({
                next: (event) => event._tag !== "Extracted" && tell?.(event),
                error: (error) => headers.error(error),
                complete: () => headers.complete()
              })
            ),
          copy$: ({ digest, tree, directory, extraction: own }) => {
            const question: StoredQuestion = { what: "tree", withRoot: true }
            const copy = { limits: all, write: { directory, extraction: own, lasting } }
            return runJob(
              pool,
              { _tag: "ReadStored", digest, stored: storedOf({ ...tree, question }), copy },
              () => EMPTY
            )
          },
          stored: (digest, tree) =>
            new LayerCursor(({ message, end, ring }) =>
              runJob(pool, { _tag: "ReadStored", digest, stored: storedOf(tree) }, () => EMPTY, {
                receive: (writer) => {
                  ring(writer)
                  return (sent) => sent._tag !== "Headers" && message(sent)
                }
              }).subscribe({ error: (error) => end({ error }), complete: () => end() })
            ) as EntryCursor<StoredEntry>,
          fingerprint$: ({ digest, directory, like }) => {
            const facts = like === undefined ? ours : fingerprintFactsOf(like)
            return facts === undefined
              ? EMPTY
              : takeFingerprint(pool, { _tag: "Fingerprint", digest, tree: { directory, facts } })
          },
          lasting,
          warm: Effect.sync(() => pool.warm()),
          expect: (layers) =>
            Effect.acquireRelease(
              Effect.sync(() => pool.expect(layers)),
              (over) => Effect.sync(() => Array.from({ length: layers }, over))
            ).pipe(Effect.map((over) => Effect.sync(over))),
          settled: (target) => Effect.promise(() => pool.settled(target))
        })
      })
    )
}
