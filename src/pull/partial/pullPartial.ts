/**
 * Pulls a layer by its table of contents: the files that the store has are copied, the others are fetched in few ranges.
 * What is proven is the table, by the manifest, and each file, by the table. Where the table cannot be used, the host sends no
 * ranges, or too much is missing, the layer is downloaded whole.
 */
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { Observable, ReplaySubject } from "rxjs"
import type { Reason } from "../../api/errors.ts"
import { makeDirectory } from "../../fs/directories.ts"
import { removeFile, syscall } from "../../fs/syscall.ts"
import type { Range, TablePlace } from "../../layer/partial/Table.ts"
import { ExtractionPool, type JobEvent } from "../../layer/pool/ExtractionPool.ts"
import { drain } from "../../reactive/bridge.ts"
import type { RangesIgnored } from "../../registry/blob/openBlob.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { digestOfTable } from "../../store/reuse/digestOfTable.ts"
import { Staging } from "../../store/trees/Staging.ts"
import { Trees } from "../../store/trees/Trees.ts"
import { PullEvents } from "../events/PullEvents.ts"
import type { ByTable } from "../layer/PartialLayers.ts"
import { indexedTrees, keepIndex } from "./indexedTrees.ts"
import { bytesOf, table$, tableAndRanges$, unpackRanges } from "./ranges.ts"
import { asUnusable, isRangeFailure, TableUnusable, warnUnusable } from "./TableUnusable.ts"

/** Share of a layer's bytes that may be missing; if more is, it is downloaded whole. */
export const mostMissing = 0.75

/** Attempts, where files of the store prove to have been changed. */
const mostAttempts = 3

/** The store has too little of the layer. */
class TooMuchMissing {}
/** Files of the store are not what they were when they were indexed. */
class Changed {
  readonly digests: ReadonlyArray<string>
  constructor(digests: ReadonlyArray<string>) {
    this.digests = digests
  }
}

type Failure = Reason | TooMuchMissing | Changed | RangesIgnored

const isFailure = (error: unknown): error is Failure =>
  isRangeFailure(error) || error instanceof TooMuchMissing || error instanceof Changed

export interface PartialDownload {
  readonly source: ImageSource
  readonly layer: ResolvedLayer
  readonly table: TablePlace
}

/** One attempt to make the tree, in `directory`. */
const extract = Effect.fnUntraced(function* (
  { source, layer, table }: PartialDownload,
  directory: string,
  index: string,
  without: ReadonlyArray<string>
) {
  const pool = yield* ExtractionPool
  const { digest, size } = layer
  const listener = yield* PullEvents
  const from = { source, layer, emit: listener, context: yield* Effect.context<never>() }
  const job = { digest, size, table, stored: yield* indexedTrees, without, index, directory }
  const extracting$ = new Observable<JobEvent>((events) => {
    const decided$ = new ReplaySubject<ReadonlyArray<Range>>(1)
    let offset = size
    const extracting = pool.partial$(
      job,
      (gate) => tableAndRanges$(from, table$(from, table, gate), decided$, gate),
      (message, ring) => {
        if (message._tag === "Changed") return events.error(new Changed(message.digests))
        const ranges = unpackRanges(message.plan.ranges)
        const missing = bytesOf(ranges)
        if (message.plan.reused === 0 || missing > mostMissing * size) return events.error(new TooMuchMissing())
        offset = size - missing
        listener({ _tag: "LayerStarted", digest, size, offset })
        ring.decide(1, true)
        decided$.next(ranges)
      }
    )
    events.add(
      extracting.subscribe({
        next: (event) => {
          if (event._tag === "Warning") listener(event)
          else if (event._tag === "LayerProgress" && offset < size)
            listener({
              ...event,
              received: Math.min(size, offset + event.consumed),
              consumed: Math.min(size, offset + event.consumed)
            })
          if (event._tag === "Extracted") events.next(event)
        },
        error: (error) => events.error(error),
        complete: () => events.complete()
      })
    )
  })
  const last = yield* drain(isFailure)(extracting$)
  return last?._tag === "Extracted" ? last : yield* Effect.die(new Error("an extraction ended without its result"))
})

/** Makes the tree anew where files of the store prove to have been changed: those are fetched then. */
const extractAgain = Effect.fnUntraced(function* (download: PartialDownload, index: string) {
  const pool = yield* ExtractionPool
  const { stage } = yield* Staging
  let without: ReadonlyArray<string> = []
  for (let attempt = 1; ; attempt++) {
    const directory = yield* stage
    yield* Effect.addFinalizer(() => pool.settled(directory))
    const made = yield* extract(download, directory, index, without).pipe(
      Effect.map((extracted) => ({ ...extracted, directory })),
      Effect.catch((failure) =>
        failure instanceof Changed && attempt < mostAttempts ? Effect.succeed(failure) : Effect.fail(failure)
      )
    )
    if (!(made instanceof Changed)) return made
    without = [...without, ...made.digests]
  }
})

const publish = Effect.fnUntraced(function* (
  { table }: PartialDownload,
  { directory, fingerprint }: { readonly directory: string; readonly fingerprint?: string }
) {
  const trees = yield* Trees
  const digest = digestOfTable(table.digest)
  const path = trees.layerPath(digest)
  if (fingerprint === undefined) return yield* Effect.die(new Error("a layer's tree has no fingerprint"))
  const known = yield* trees.treeOfTable(table.digest)
  if (known !== undefined) return known
  // One whose record was lost by a power cut.
  if ((yield* trees.has(path)) && !(yield* trees.replace(directory, { digest, path }))) {
    return yield* new TableUnusable({ problem: "a program uses a tree of it whose record is lost" })
  }
  yield* trees.fingerprints.keep(path, fingerprint, table.digest)
  return yield* trees.publish(directory, path)
})

/** In the scope that closes when the layer is done. Fails with `TableUnusable` where the whole layer is to be downloaded. */
export const pullPartial = Effect.fnUntraced(function* (download: PartialDownload) {
  const { digest } = download.layer
  const trees = yield* Trees
  const index = join(trees.indexes, `${randomUUID()}.tmp`)
  yield* syscall("mkdir", trees.indexes, () => makeDirectory(trees.indexes))
  yield* Effect.addFinalizer(() => Effect.ignore(removeFile(index)))
  const keepFor = (path: string) => Effect.provideService(keepIndex(index, path), Trees, trees)
  const keep = keepFor(trees.layerPath(digest))
  const made = yield* Effect.gen(function* () {
    const extracted = yield* extractAgain(download, index)
    const path = yield* publish(download, extracted)
    const { inflated, entries } = extracted
    const outcome: ByTable = { done: { inflated, entries, path }, keepIndex: keepFor(path) }
    return outcome
  }).pipe(
    Effect.scoped,
    Effect.catch((failure): Effect.Effect<ByTable, Reason | TableUnusable> => {
      if (failure instanceof TooMuchMissing) return Effect.succeed({ keepIndex: keep })
      if (failure instanceof Changed) {
        const problem = "files of the store change while they are read"
        return Effect.as(warnUnusable(digest, { problem }, "downloaded"), { keepIndex: keep })
      }
      return Effect.fail(failure instanceof TableUnusable ? failure : asUnusable(failure))
    })
  )
  return made
})
