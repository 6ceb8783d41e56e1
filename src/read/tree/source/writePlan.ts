/** Writes what was planned of a merged image into a directory, through the workers. */
import * as Effect from "effect/Effect"
import { tap } from "rxjs"
import { isReason } from "../../../api/errors.ts"
import type { EntryHeader } from "../../../layer/Entry.ts"
import type { Extraction } from "../../../layer/ExtractionOptions.ts"
import { ExtractionPool, type JobEvent } from "../../../layer/pool/ExtractionPool.ts"
import { PullEvents } from "../../../pull/events/PullEvents.ts"
import { layerBytes$ } from "../../../pull/layer/LayerDownload.ts"
import { drain } from "../../../reactive/bridge.ts"
import { type Node, root as rootNode } from "../merge/MergedTree.ts"
import type { Plan } from "../plan/Plan.ts"
import type { MergedImage } from "./mergeImage.ts"
import { headersOf } from "./treeCursor.ts"

/** Entries that a worker is given at once: each is copied. */
const mostAtOnce = 4096

const batches = function* (headers: Iterable<EntryHeader>): Generator<ReadonlyArray<EntryHeader>> {
  let batch: Array<EntryHeader> = []
  for (const header of headers) {
    batch.push(header)
    if (batch.length < mostAtOnce) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

export interface PlannedTree {
  readonly plan: Plan
  readonly merged: MergedImage
  /** What the tree is called by, for errors. */
  readonly digest: string
  /** Exists and is empty. */
  readonly directory: string
  /** How it is written. Default: as the store's trees are. */
  readonly extraction?: Extraction | undefined
  /** The root has the owner, mode and times that the image gives it. Default: those of a directory that no entry describes. */
  readonly withRoot?: boolean
}

/** Directories and what has no body, then the files of each layer: one worker at a time writes to the directory. */
export const writePlan = Effect.fnUntraced(function* (tree: PlannedTree) {
  const { plan, merged, digest, directory, extraction, withRoot = false } = tree
  const pool = yield* ExtractionPool
  const tell = yield* PullEvents
  const context = yield* Effect.context<never>()
  // Progress was told when the layer was downloaded.
  const hear = (event: JobEvent) => event._tag === "Warning" && tell(event)
  const wrote = (events$: ReturnType<typeof pool.place$>) => drain(isReason)(events$.pipe(tap(hear)))
  // At once, also where nothing else is written: the root has its owner then.
  const root: ReadonlyArray<EntryHeader> = withRoot ? [{ ...merged.tree.factsOf(rootNode), path: "" }] : []
  let isFirst = true
  for (const batch of batches(headersOf(plan))) {
    const headers: ReadonlyArray<EntryHeader> = isFirst ? [...root, ...batch] : batch
    isFirst = false
    yield* wrote(pool.place$({ digest, directory, headers, extraction }))
  }
  if (isFirst) yield* wrote(pool.place$({ digest, directory, headers: root, extraction }))
  for (const [layer, files] of plan.files()) {
    const download = merged.layers.get(layer)
    if (download === undefined) return yield* Effect.die(new Error(`layer ${layer} was not read`))
    const namesOf = (node: Node) => plan.namesOf(node).map(plan.pathOf)
    const parts = new Map(Array.from(files, (node) => [merged.tree.ordinalOf(node), namesOf(node)]))
    const job = { ...download.layer, directory, parts, extraction }
    yield* wrote(pool.extract$(job, (gate) => layerBytes$(download, gate, tell, context)))
  }
})
