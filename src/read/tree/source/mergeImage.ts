/** Reads the layers of an image, the highest first, until enough is known of the tree that they make together. */
import { setImmediate as turn } from "node:timers/promises"
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
import { collectHeap, countEntries } from "../../../seams/readBuffers.ts"
import type { ImageSource } from "../../../source/ImageSource.ts"
import { noPartial } from "../../../source/noPartial.ts"
import { Blobs } from "../../../store/blobs/Blobs.ts"
import type { Staging } from "../../../store/trees/Staging.ts"
import { makeLayerApplier } from "../merge/applyLayer.ts"
import { MergedTree } from "../merge/MergedTree.ts"
import { fromPromise } from "./fromPromise.ts"
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
  /** By index, 0 is the lowest; those that were not read are absent. They can be read again where bodies were not spooled. */
  readonly layers: ReadonlyMap<number, LayerDownload>
  /** The bodies of their files, where they were asked for. */
  readonly spools: ReadonlyMap<number, LayerSpool>
}

/**
 * A name that the answer still depends on, `""` for any, `undefined` where the answer is known. Of a tree that is whole
 * it is always `undefined`.
 */
export type Unknown = (tree: MergedTree) => string | undefined

/** Entries that are applied before others have their turn on the event loop. */
const entriesPerTurn = 4096

/** Merges before the last layer is read: each costs as much as there are entries, and there may be many layers. */
const mostMerges = 16

const mergeRead = async (
  layers: ReadonlyMap<number, ReadLayer>,
  isWhole: boolean,
  limits: Limits,
  budget: TreeBudget,
  signal: AbortSignal
): Promise<MergedTree> => {
  const imply = budget.merge()
  const tree = new MergedTree(isWhole)
  const inOrder = [...layers].sort(([a], [b]) => a - b)
  /** By the layer's headers, which the same layer has wherever it is listed. */
  const last = new Map(inOrder.map(([index, { headers }]) => [headers, index]))
  let applied = 0
  for (const [layer, { headers, download }] of inOrder) {
    const applier = makeLayerApplier({ tree, layer, digest: download.layer.digest, limits, imply })
    const isLast = isWhole && last.get(headers) === layer
    let ordinal = 0
    for (const [at, some] of headers.entries()) {
      if (some === undefined) throw new Error("headers that were applied for the last time are asked for again")
      for (const header of unpackHeaders(some)) {
        applier.entry(header, ordinal++)
        if (++applied % entriesPerTurn !== 0) continue
        countEntries(entriesPerTurn)
        await turn()
        signal.throwIfAborted()
      }
      // No merge follows that of all layers, and the tree has what is needed of them: they are many.
      if (isLast) headers[at] = undefined
    }
    applier.finish()
  }
  if (applied > entriesPerTurn) collectHeap()
  return tree
}

const merge = (layers: ReadonlyMap<number, ReadLayer>, isWhole: boolean, limits: Limits, budget: TreeBudget) =>
  fromPromise((signal) => mergeRead(layers, isWhole, limits, budget, signal))

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
    const found = yield* Effect.onError(headers(layer, counted.add), () => Effect.sync(counted.drop))
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

  if (unknown === undefined) {
    const keep = (layer: ResolvedLayer) => Effect.map(read(layer), (found) => void known.set(layer.digest, found))
    yield* Effect.forEach(distinct, keep, { concurrency: isSpooled ? mostAtOnce : "unbounded", discard: true })
  }
  // Not the headers, which are many: the tree has what is needed of them.
  const merged = (tree: MergedTree): MergedImage => ({
    tree,
    layers: new Map([...layers].map(([index, { download }]) => [index, download])),
    spools: new Map([...layers].flatMap(([index, { spool }]) => (spool === undefined ? [] : [[index, spool]])))
  })
  let waiting = ""
  let merges = 0
  for (let index = image.layers.length - 1; index >= 0; index--) {
    const layer = image.layers[index]
    if (layer === undefined) continue
    const found = known.get(layer.digest) ?? (yield* read(layer))
    known.set(layer.digest, found)
    layers.set(index, found)
    const isPromising = unknown !== undefined && index > 0 && merges < mostMerges && mayTell(found.headers, waiting)
    if (!isPromising) continue
    merges += 1
    // What is refused may be so for what is not there yet: all layers together say.
    const tree = yield* Effect.orElseSucceed(merge(layers, false, limits, budget), () => undefined)
    const missing = tree === undefined ? "" : unknown(tree)
    if (tree !== undefined && missing === undefined) return merged(tree)
    waiting = missing ?? ""
  }
  return merged(yield* merge(layers, true, limits, budget))
})
