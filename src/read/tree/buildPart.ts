/**
 * A merged layout, for a part of an image: what `only` and `strip` select of its tree, in a directory or a disk image of its own. The
 * headers of layers are read first, the highest layer first, until all of the part is known; then the bodies of its files.
 */
import * as Effect from "effect/Effect"
import { tap } from "rxjs"
import type { Limits } from "../../api/config.ts"
import { isReason } from "../../api/errors.ts"
import type { LayerProgress } from "../../api/events.ts"
import type { EntryHeader } from "../../layer/Entry.ts"
import { ExtractionPool, type JobEvent } from "../../layer/pool/ExtractionPool.ts"
import { emit, PullEvents } from "../../pull/events/PullEvents.ts"
import { layerBytes$ } from "../../pull/layer/extractLayer.ts"
import type { BuildPart } from "../../pull/pull.ts"
import { drain } from "../../reactive/bridge.ts"
import { Locks } from "../../store/locks/Locks.ts"
import { Staging } from "../../store/trees/Staging.ts"
import { diskImageIn, isDiskImage, mergedIn } from "../../store/trees/TreePaths.ts"
import { Trees } from "../../store/trees/Trees.ts"
import type { MergedImage } from "./source/mergeImage.ts"
import { planImage } from "./source/planImage.ts"
import { headersOf, type Plan } from "./source/treeCursor.ts"
import { writeErofs } from "./writeErofs.ts"

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

/** Directories and what has no body, then the files of each layer: one worker at a time writes to the directory. */
const write = Effect.fnUntraced(function* (plan: Plan, { layers }: MergedImage, digest: string, directory: string) {
  const pool = yield* ExtractionPool
  const tell = yield* PullEvents
  const context = yield* Effect.context<never>()
  // Progress was told when the layer was downloaded.
  const hear = (event: JobEvent) => event._tag === "Warning" && tell(event)
  const wrote = (events$: ReturnType<typeof pool.place$>) => drain(isReason)(events$.pipe(tap(hear)))
  const empty: ReadonlyArray<EntryHeader> = []
  let placed = 0
  for (const headers of batches(headersOf(plan))) {
    placed += headers.length
    yield* wrote(pool.place$({ digest, directory, headers }))
  }
  // The root has its owner also where nothing else is written.
  if (placed === 0) yield* wrote(pool.place$({ digest, directory, headers: empty }))
  for (const [layer, files] of plan.files) {
    const download = layers.get(layer)
    if (download === undefined) return yield* Effect.die(new Error(`layer ${layer} was not read`))
    const rising = [...files].toSorted(([a], [b]) => a - b)
    const parts = new Map(rising.map(([ordinal, { paths }]) => [ordinal, paths]))
    const job = { ...download.layer, directory, parts }
    yield* wrote(pool.extract$(job, (gate) => layerBytes$(download, gate, tell, context)))
  }
})

/** Events: each layer that is needed begins and, once the part has its name, is done. Of the others there are none. */
export const makeBuildPart = (limits: Limits): BuildPart =>
  Effect.fn("ociflow.part")(function* (source, image, { key, selection }) {
    const locks = yield* Locks
    const trees = yield* Trees
    const pool = yield* ExtractionPool
    const manifest = image.manifest.descriptor.digest
    const { rootfsPath, variant } = trees.pathsOf(key)
    if (rootfsPath === undefined) return yield* Effect.die(new Error("a part of an image that is not merged"))
    const path = rootfsPath(manifest)
    // Others who want the same part wait, and find it.
    yield* locks.lock(`${manifest}.part-${key}`)
    const isPublished = yield* trees.has(path)
    if (isPublished && (yield* trees.fingerprints.find(path)) !== undefined) return

    const tell = yield* PullEvents
    const last = new Map<string, LayerProgress>()
    const { merged, plan } = yield* planImage(source, image, selection, limits, (event) => {
      if (event._tag === "LayerProgress") last.set(event.digest, event)
      tell(event)
    })
    yield* Effect.gen(function* () {
      const directory = yield* (yield* Staging).stage
      const target = isDiskImage(variant) ? diskImageIn(directory) : directory
      yield* Effect.addFinalizer(() => pool.settled(target))
      if (isDiskImage(variant)) yield* writeErofs(plan, merged, manifest, target)
      else yield* write(plan, merged, manifest, directory)
      const fingerprint = yield* drain(isReason)(pool.fingerprint$({ digest: manifest, directory }))
      if (fingerprint !== undefined) yield* trees.fingerprints.keep(path, fingerprint)
      if (isPublished) yield* trees.replace(directory, { digest: manifest, path })
      else yield* trees.publish(directory, path)
    }).pipe(Effect.scoped)
    const read = new Map([...merged.layers.values()].map(({ layer }) => [layer.digest, layer.diffId]))
    for (const [digest, diffId] of read) {
      const { inflated = 0, entries = 0 } = last.get(digest) ?? {}
      yield* emit({ _tag: "LayerDone", digest, diffId, path: mergedIn(path, variant), inflated, entries })
    }
  }, Effect.scoped)
