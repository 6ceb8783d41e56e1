/** One file of an image, or what is in a directory, without a pull. */
import * as Effect from "effect/Effect"
import type { Limits, ListDirectoryOptions, ReadFileOptions } from "../../api/config.ts"
import { printable } from "../../api/errors.ts"
import { loadModule } from "../../fs/loadModule.ts"
import { atMost } from "../../layer/limits.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { findPath, whyNoFile, whyNotFound } from "../../layer/tree/findPath.ts"
import type { LayerTables } from "../../pull/partial/readTables.ts"
import type { FoundImage } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import type { EntryFacts } from "../entries/Entry.ts"
import { factsOf } from "../entries/makeEntry.ts"
import type { Facts, MergedTree } from "./merge/MergedTree.ts"
import { viewOf } from "./merge/viewOf.ts"
import { openImage } from "./openImage.ts"
import { bodiesOf } from "./source/bodiesOf.ts"
import { content, drainCursor } from "./source/drainCursor.ts"
import { fromPromise } from "./source/fromPromise.ts"
import { mergeImage } from "./source/mergeImage.ts"
import { askStored } from "./source/storedTree.ts"

const seek = (tree: MergedTree, path: string) => findPath(viewOf(tree), path, true)

/** `text`: the path as a person writes it. */
const bytesOf = (text: string) => Buffer.from(text).toString("latin1")

/** Nothing of it is loaded where it is not asked for. */
const loadTables = (source: ImageSource, image: FoundImage, isPartial = false) =>
  isPartial && source.isRemote
    ? Effect.map(
        loadModule("the module for partial pulls", () => import("../../pull/partial/readTables.ts")),
        ({ readTables }) => readTables(source, image)
      )
    : Effect.undefined

const readRemoteFile = Effect.fnUntraced(function* (
  source: ImageSource,
  image: FoundImage,
  text: string,
  limits: Limits,
  tables: LayerTables | undefined
) {
  const path = bytesOf(text)
  const unknown = (tree: MergedTree) => {
    const sought = seek(tree, path)
    return sought._tag === "Unknown" ? sought.name : undefined
  }
  const merged = yield* mergeImage(source, image, limits, { unknown, tables })
  const sought = seek(merged.tree, path)
  const problem = whyNotFound(sought, path)
  if (problem !== undefined) return yield* Effect.fail(problem)
  const unsuitable = whyNoFile(sought._tag === "Leaf" ? sought.leaf.facts.type : "directory", path)
  if (unsuitable !== undefined) return yield* Effect.fail(unsuitable)
  if (sought._tag !== "Leaf") return yield* Effect.die(new Error("a tree that is whole has an unknown path"))
  const { layer, ordinal, facts } = sought.leaf
  yield* fromPromise(async () =>
    atMost(limits, "bodyBytes", facts.size, () => `file ${JSON.stringify(printable(text, 120))}`)
  )
  if (facts.size === 0) return undefined
  const holder = image.layers[layer]
  const byTable = tables === undefined || holder === undefined ? undefined : yield* tables.file(holder, ordinal)
  if (byTable !== undefined) return byTable
  const open = yield* bodiesOf(merged)
  const [bytes] = yield* drainCursor(open(layer, [ordinal]), content(limits, path))
  return bytes
})

export const readFileOf = Effect.fn("ociflow.readFile")(function* (
  reference: string,
  text: string,
  { encoding, partial, ...options }: ReadFileOptions,
  limits: Limits
) {
  const pool = yield* ExtractionPool
  const opened = yield* openImage(reference, options)
  let bytes: Buffer | undefined
  if (opened._tag === "Stored") {
    const path = bytesOf(text)
    const found = yield* drainCursor(askStored(pool, opened.image, { what: "file", path }), content(limits, path))
    bytes = found[0]
  } else {
    const { source, image } = opened
    const read = (tables?: LayerTables) => readRemoteFile(source, image, text, limits, tables)
    bytes = yield* read(yield* loadTables(source, image, partial)).pipe(
      // After its headers were used: another table may say otherwise of all that was found by them.
      Effect.catchTag("TableUnusable", () => Effect.catchTag(read(), "TableUnusable", Effect.die))
    )
  }
  const all = bytes ?? Buffer.alloc(0)
  return encoding === undefined ? all : all.toString(encoding)
}, Effect.scoped)

const isUncertain = ({ uncertain }: MergedTree) => uncertain === "everything" || uncertain.size > 0

/** In the order of their bytes. */
const sorted = (entries: ReadonlyArray<EntryFacts>) => entries.toSorted((a, b) => (a.rawPath < b.rawPath ? -1 : 1))

export const listOf = Effect.fn("ociflow.list")(function* (
  reference: string,
  text: string,
  { partial, ...options }: ListDirectoryOptions,
  limits: Limits
) {
  const path = bytesOf(text)
  const pool = yield* ExtractionPool
  const opened = yield* openImage(reference, options)
  if (opened._tag === "Stored") {
    const cursor = askStored(pool, opened.image, { what: "list", path })
    return sorted(yield* drainCursor(cursor, ({ header }) => factsOf(header, header.layer)))
  }
  const { source, image } = opened
  const unknown = (tree: MergedTree) => {
    const sought = seek(tree, path)
    if (sought._tag === "Unknown") return sought.name
    // Lower layers may have more in it.
    return sought._tag === "Directory" && (tree.isOpen(sought.directory) || isUncertain(tree)) ? "" : undefined
  }
  const tables = yield* loadTables(source, image, partial)
  const { tree } = yield* mergeImage(source, image, limits, { unknown, tables })
  const sought = seek(tree, path)
  const problem = whyNotFound(sought, path)
  if (problem !== undefined) return yield* Effect.fail(problem)
  const factsAt = (names: ReadonlyArray<string>, facts: Facts, layer: number): EntryFacts =>
    factsOf({ ...facts, path: names.join("/") }, image.layers[layer]?.digest ?? "")
  if (sought._tag === "Leaf") return [factsAt(sought.names, sought.leaf.facts, sought.leaf.layer)]
  if (sought._tag !== "Directory") return []
  const { directory, names } = sought
  return sorted(
    Array.from(tree.names.in(directory), (node) =>
      factsAt([...names, tree.names.nameOf(node)], tree.factsOf(node), tree.layerOf(node))
    )
  )
}, Effect.scoped)
