/** Reads the layers of an image, the highest first, until enough is known of the tree that they make together. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Limits } from "../../../api/config.ts"
import type { Reason } from "../../../api/errors.ts"
import type { Emit } from "../../../api/events.ts"
import { type PackedHeaders, unpackHeaders } from "../../../layer/packHeaders.ts"
import type { ExtractionPool } from "../../../layer/pool/ExtractionPool.ts"
import { distinctLayers } from "../../../pull/describeImage.ts"
import { PullEvents } from "../../../pull/events/PullEvents.ts"
import { inLayerSpan } from "../../../pull/events/spans.ts"
import type { Permits } from "../../../pull/flights/Downloads.ts"
import { SharedWork } from "../../../pull/flights/SharedWork.ts"
import type { LayerDownload } from "../../../pull/layer/LayerDownload.ts"
import type { LayerTables } from "../../../pull/partial/readTables.ts"
import { mostAtOnce } from "../../../pull/rootfs/buildRootfs.ts"
import type { FoundImage, ResolvedLayer } from "../../../registry/Registry.ts"
import type { ImageSource } from "../../../source/ImageSource.ts"
import { noPartial } from "../../../source/noPartial.ts"
import { Blobs } from "../../../store/blobs/Blobs.ts"
import type { Staging } from "../../../store/trees/Staging.ts"
import type { MergedTree } from "../merge/MergedTree.ts"
import { fromPromise } from "./fromPromise.ts"
import { LayerMerge } from "./LayerMerge.ts"
import { type LayerSpool, makeLayerSpool } from "./LayerSpool.ts"
import { makeTreeBudget, openLayer, readHeaders, type TreeBudget } from "./layerIndex.ts"

/** A layer whose headers were read. */
interface ReadLayer {
  readonly download: LayerDownload
  readonly headers: Array<PackedHeaders | undefined>
  readonly spool: LayerSpool | undefined
}

export interface MergedImage {
  readonly tree: MergedTree
  /** The layers by their index; 0 is the lowest. Layers that were not read are absent. They can be read again if bodies were not spooled. */
  readonly layers: ReadonlyMap<number, LayerDownload>
  /** The bodies of their files, where they were asked for. */
  readonly spools: ReadonlyMap<number, LayerSpool>
}

/**
 * A name that the answer still depends on, `""` for any, `undefined` where the answer is known. Of a tree that is whole
 * it is always `undefined`.
 */
export type Unknown = (tree: MergedTree) => string | undefined

/** Merges before the last layer is read: each costs as much as there are entries, and there may be many layers. */
const mostMerges = 16

/** What is known of an image whose other layers were not read. */
const mergeSome = (merge: LayerMerge, layers: ReadonlyMap<number, ReadLayer>) =>
  fromPromise(async (signal) => {
    for (const [index, { headers, download }] of [...layers].sort(([a], [b]) => a - b))
      await merge.add({ index, digest: download.layer.digest, headers, isLast: false }, signal)
    return merge.finish()
  })

/** Merges all layers of an image, each as soon as it was read and those below it were merged. */
const mergeWhole = Effect.fnUntraced(function* <R>(
  layers: FoundImage["layers"],
  read: (layer: ResolvedLayer, index: number) => Effect.Effect<ReadLayer, Reason, R>,
  limits: Limits,
  budget: TreeBudget
) {
  const merge = new LayerMerge(true, limits, budget)
  const last = new Map(layers.map(({ digest }, index) => [digest, index]))
  yield* Effect.forEach(
    layers,
    Effect.fnUntraced(function* (layer, index) {
      const { digest } = layer
      const { headers } = yield* read(layer, index)
      const isLast = last.get(digest) === index
      yield* fromPromise((signal) => merge.add({ index, digest, headers, isLast }, signal))
    }),
    { discard: true }
  )
  return merge.finish()
})

const lastNameOf = (path: string): string => {
  const end = path.endsWith("/") ? path.length - 1 : path.length
  return path.slice(path.lastIndexOf("/", end - 1) + 1, end)
}

const hasName = (headers: PackedHeaders, name: string): boolean => {
  for (const { path } of unpackHeaders(headers)) {
    const last = lastNameOf(path)
    if (last === name || last === `.wh.${name}` || last === ".wh..wh..opq") return true
  }
  return false
}

/** Whether what a layer holds could answer what depends on `name`. */
const mayTell = (headers: ReadLayer["headers"], name: string): boolean =>
  name === "" || headers.some((some) => some !== undefined && hasName(some, name))

/** A pull that reads layers: they are opened as it says, with its permits, and its listeners hear of them. */
export interface LayerReading<R> {
  readonly open: (layer: ResolvedLayer) => Effect.Effect<LayerDownload, Reason, R>
  readonly permits: Permits
}

export interface MergeOptions<R = never> {
  /** Layers are read one by one, as long as it gives a name. Default: all are, several at a time. */
  readonly unknown?: Unknown | undefined
  /** Hears how each layer is downloaded. */
  readonly tell?: Emit | undefined
  readonly reading?: LayerReading<R> | undefined
  /** Tables of contents, which are read in place of the layers that have one. */
  readonly tables?: LayerTables | undefined
  /** The bodies of files are kept as well, as the layers are read, in temporary files. */
  readonly isSpooled?: boolean
}

export const mergeImage = Effect.fnUntraced(function* <R = never>(
  source: ImageSource,
  image: FoundImage,
  limits: Limits,
  { unknown, tell = () => {}, reading, tables, isSpooled = false }: MergeOptions<R> = {}
): Effect.fn.Return<MergedImage, Reason, Blobs | ExtractionPool | SharedWork | Staging | Scope.Scope | R> {
  const distinct = yield* distinctLayers(image)
  const permits = reading?.permits ?? (yield* SharedWork).downloads.forPull()
  const budget = makeTreeBudget(limits)
  /** A layer that is listed twice is read once. */
  const known = new Map<string, ReadLayer>()
  const layers = new Map<number, ReadLayer>()
  /** Nothing where the layer has no table, or the store keeps its blob. */
  const headersByTable = Effect.fnUntraced(function* (layer: ResolvedLayer, { headers }: LayerTables) {
    const { layout } = yield* Blobs
    if (layout !== undefined && (yield* layout.has(layer))) return undefined
    const counted = budget.layer()
    const found = yield* headers(layer, counted.add)
    // The layer is read whole, and counts by that.
    if (found === undefined) counted.drop()
    return found
  })
  const readOpen = Effect.fnUntraced(function* (layer: ResolvedLayer, spool: LayerSpool | undefined) {
    const download = yield* reading === undefined ? openLayer(source, layer) : reading.open(layer)
    const reads = Effect.gen(function* () {
      const emit = yield* PullEvents
      const hear: Emit = (event) => {
        tell(event)
        if (reading !== undefined) emit(event)
      }
      return yield* readHeaders(download, budget, hear, spool?.path)
    })
    const headers = yield* permits.withPermit(reading === undefined ? reads : reads.pipe(inLayerSpan(layer)))
    return { download, headers, spool }
  })
  /** What was spooled is not read again: its blob is let go of, since an image may have as many layers as a process may open files. */
  const read = Effect.fnUntraced(function* (layer: ResolvedLayer) {
    const listed = tables === undefined ? undefined : yield* headersByTable(layer, tables)
    if (listed !== undefined)
      return { download: { source, layer, partial: noPartial }, headers: listed, spool: undefined }
    if (!isSpooled) return yield* readOpen(layer, undefined)
    const spool = yield* makeLayerSpool
    return yield* Effect.scoped(readOpen(layer, spool))
  })

  // Not the headers, which are many: the tree has what is needed of them.
  const merged = (tree: MergedTree): MergedImage => ({
    tree,
    layers: new Map([...layers].map(([index, { download }]) => [index, download])),
    spools: new Map([...layers].flatMap(([index, { spool }]) => (spool === undefined ? [] : [[index, spool]])))
  })
  if (unknown === undefined) {
    const arrivals = distinct.map((layer) => ({ layer, arrival: Deferred.makeUnsafe<ReadLayer>() }))
    const byDigest = new Map(arrivals.map(({ layer, arrival }) => [layer.digest, arrival]))
    const arrived = ({ digest }: ResolvedLayer, index: number) => {
      const arrival = byDigest.get(digest)
      if (arrival === undefined) return Effect.die(new Error(`layer ${digest} is not read`))
      return Effect.tap(Deferred.await(arrival), (found) => Effect.sync(() => layers.set(index, found)))
    }
    const keep = ({ layer, arrival }: (typeof arrivals)[number]) =>
      Effect.flatMap(read(layer), (found) => Deferred.succeed(arrival, found))
    const concurrency = isSpooled ? mostAtOnce : "unbounded"
    const [tree] = yield* Effect.all(
      [
        mergeWhole(image.layers, arrived, limits, budget),
        Effect.forEach(arrivals, keep, { concurrency, discard: true })
      ],
      { concurrency: 2 }
    )
    return merged(tree)
  }
  let waiting = ""
  let merges = 0
  for (let index = image.layers.length - 1; index >= 0; index--) {
    const layer = image.layers[index]
    if (layer === undefined) continue
    const found = known.get(layer.digest) ?? (yield* read(layer))
    known.set(layer.digest, found)
    layers.set(index, found)
    const isPromising = index > 0 && merges < mostMerges && mayTell(found.headers, waiting)
    if (!isPromising) continue
    merges += 1
    // What is refused may be so for what is not there yet: all layers together say.
    const some = new LayerMerge(false, limits, budget)
    const tree = yield* Effect.orElseSucceed(mergeSome(some, layers), () => undefined)
    const missing = tree === undefined ? "" : unknown(tree)
    if (tree !== undefined && missing === undefined) return merged(tree)
    some.drop()
    waiting = missing ?? ""
  }
  const all = ({ digest }: ResolvedLayer) => {
    const found = known.get(digest)
    return found === undefined ? Effect.die(new Error(`layer ${digest} was not read`)) : Effect.succeed(found)
  }
  return merged(yield* mergeWhole(image.layers, all, limits, budget))
})
