/**
 * Every image's documents, as files: `documents/<algorithm>/<hex>` has the bytes of an index, manifest or config, and
 * `references/…` a small record for each image and platform that a reference names. The catalogue can be rebuilt from
 * them. Small ones are not synced, since a document that does not match its digest is ignored; what is in no row is. A record is written before its
 * rows, beside the record of what the reference named before; that one is removed once the rows are on disk. So rows
 * always have a record.
 */
import { createHash } from "node:crypto"
import { rename } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { list } from "../../fs/directories.ts"
import { scarcity } from "../../fs/loadModule.ts"
import { notRegular, readRegular } from "../../fs/openRegular.ts"
import { ifMissing, recoverFrom, syscall } from "../../fs/syscall.ts"
import { writeAtomic } from "../../fs/writeAtomic.ts"
import { ConfigJson } from "../../image/ConfigJson.ts"
import { decodeAs } from "../../image/json/decodeAs.ts"
import { parseJson } from "../../image/json/parseJson.ts"
import { algorithmOf, hexOf, isDigest, isHashable } from "../../image/reference/Digest.ts"
import { refuseLink } from "../directories/refuseLink.ts"
import { isDirectory } from "../trees/publish.ts"
import { removeTree } from "../trees/removeTree.ts"
import type { TreeForm } from "../trees/TreePaths.ts"
import type { ImageRecord, RecordedDocument, RecordedPlatform } from "./ImageRecord.ts"
import { isInRow } from "./isInRow.ts"
import { platformText } from "./platformKey.ts"

const NamedDocument = Schema.Struct({ digest: Schema.String, mediaType: Schema.String })
const Platform = Schema.Struct({
  os: Schema.String,
  architecture: Schema.String,
  variant: Schema.optionalKey(Schema.String)
})

/** An `ImageRecord` that has only the digests of its documents. */
const Entry = Schema.Struct({
  reference: Schema.String,
  digest: Schema.String,
  platform: Platform,
  requested: Schema.optionalKey(Platform),
  index: Schema.optionalKey(NamedDocument),
  manifest: NamedDocument,
  config: NamedDocument,
  layers: Schema.Array(
    Schema.Struct({ digest: Schema.String, diffId: Schema.String, mediaType: Schema.String, size: Schema.Number })
  ),
  /** The forms of its trees; absent in older records. */
  trees: Schema.optionalKey(
    Schema.Array(Schema.Struct({ kind: Schema.Literals(["extracted", "rootfs"]), variant: Schema.String }))
  ),
  /** When it was written; absent in older records. */
  recorded: Schema.optionalKey(Schema.String)
})
const EntryText = Schema.fromJsonString(Entry)

const hash = (algorithm: string, bytes: Uint8Array | string) => createHash(algorithm).update(bytes).digest("hex")

const pathOf = (root: string, digest: string) => join(root, "documents", algorithmOf(digest), hexOf(digest))

const referencesOf = (root: string) => join(root, "references")

/** Names from outside (a reference, a platform) are hashed to become file names. */
const directoryOf = (root: string, reference: string) => join(referencesOf(root), hash("sha256", reference))

/** Whether there may be an image of this reference: its record is written before its rows. */
export const hasRecord = (root: string, reference: string) => isDirectory(directoryOf(root, reference))

/** The largest document or record that is read, whatever `limits.documentBytes` allowed when it was pulled. */
const mostBytes = 2 ** 28

const isProven = (digest: string, bytes: Uint8Array): boolean =>
  isDigest(digest) && isHashable(digest) && hash(algorithmOf(digest), bytes) === hexOf(digest)

/** `undefined` if it is missing or does not match its digest. */
export const readDocument = Effect.fnUntraced(function* (root: string, digest: string) {
  if (!isDigest(digest)) return undefined
  const path = pathOf(root, digest)
  const bytes = yield* syscall("read", path, () => readRegular(path, mostBytes)).pipe(
    ifMissing,
    recoverFrom(["EFBIG", ...notRegular], undefined)
  )
  return bytes !== undefined && isProven(digest, bytes) ? bytes : undefined
})

/** To be called under the catalogue's lock, since the names of temporary files are shared. */
const writeDocument = Effect.fnUntraced(function* (root: string, { digest, bytes }: RecordedDocument) {
  if (!isDigest(digest) || (yield* readDocument(root, digest)) !== undefined) return
  const path = pathOf(root, digest)
  yield* writeAtomic(path, bytes, `${path}.tmp`, { lasting: !isInRow(bytes.length) })
})

/** The parts of an image that its record's file name is made from. */
export interface RecordKey {
  readonly digest: string
  readonly platform: RecordedPlatform
  readonly manifest: string
}

const nameOf = ({ digest, platform, manifest }: RecordKey) =>
  `${hash("sha256", `${digest} ${platformText(platform)} ${manifest}`)}.json`

const writeEntry = (
  root: string,
  entry: Omit<ImageRecord, "index" | "manifest" | "config"> & {
    readonly index?: typeof NamedDocument.Type | undefined
    readonly manifest: typeof NamedDocument.Type
    readonly config: typeof NamedDocument.Type
    readonly trees: ReadonlyArray<TreeForm>
    readonly recorded: string | undefined
  }
) => {
  const { reference, digest, platform, manifest } = entry
  const directory = directoryOf(root, reference)
  const path = join(directory, nameOf({ digest, platform, manifest: manifest.digest }))
  return Effect.andThen(
    // In a store that others can write to, it may be a link.
    refuseLink(directory),
    writeAtomic(path, Buffer.from(JSON.stringify(entry)), `${path}.tmp`, { lasting: false })
  )
}

/** Writes an image's documents and its record. To be called before its rows are written. */
export const keepImage = Effect.fnUntraced(function* (
  root: string,
  image: ImageRecord,
  trees: ReadonlyArray<TreeForm>,
  recorded: string
) {
  for (const document of [image.index, image.manifest, image.config]) {
    if (document !== undefined) yield* writeDocument(root, document)
  }
  const named = ({ digest, mediaType }: RecordedDocument) => ({ digest, mediaType })
  const { index, manifest, config, layers } = image
  yield* writeEntry(root, {
    reference: image.reference,
    digest: image.digest,
    platform: image.platform,
    requested: image.requested,
    index: index === undefined ? undefined : named(index),
    manifest: named(manifest),
    config: named(config),
    layers: layers.map(({ digest, diffId, mediaType, size }) => ({ digest, diffId, mediaType, size })),
    trees,
    recorded
  })
})

const readEntry = Effect.fnUntraced(function* (path: string) {
  const bytes = yield* syscall("read", path, () => readRegular(path, mostBytes))
  return yield* Schema.decodeUnknownEffect(EntryText)(bytes.toString())
})

/** Replaces the forms of trees in an image's record. */
export const keepForms = Effect.fnUntraced(function* (
  root: string,
  reference: string,
  key: RecordKey,
  trees: ReadonlyArray<TreeForm>
) {
  const directory = directoryOf(root, reference)
  yield* refuseLink(directory)
  const entry = yield* readEntry(join(directory, nameOf(key)))
  yield* writeEntry(root, { ...entry, trees, recorded: entry.recorded })
})

/** Removes all records of a reference but these. A record under an earlier version's name is renamed. */
export const keepRecords = Effect.fnUntraced(function* (root: string, reference: string, keys: Iterable<RecordKey>) {
  const directory = directoryOf(root, reference)
  const names = new Set([...keys].map(nameOf))
  const there = new Set<string>(yield* list(directory))
  for (const name of there) {
    if (names.has(name)) continue
    const path = join(directory, name)
    const older = name.endsWith(".json") ? Option.getOrUndefined(yield* Effect.option(readEntry(path))) : undefined
    const meant = older && nameOf({ ...older, manifest: older.manifest.digest })
    if (meant !== undefined && names.has(meant) && !there.has(meant))
      yield* syscall("rename", path, () => rename(path, join(directory, meant)))
    else yield* removeTree(path)
  }
})

/** What the catalogue's references lead to. */
export interface Reachable {
  /** Each reference, with what it names. */
  readonly records: ReadonlyMap<string, ReadonlyArray<RecordKey>>
  readonly digests: ReadonlySet<string>
}

/**
 * Removes all other records and documents; `thorough`: also the records of what a reference named before. To be called
 * under the catalogue's lock, as everything that writes here.
 */
export const removeUnreachable = Effect.fnUntraced(function* (
  root: string,
  { records, digests }: Reachable,
  { thorough }: { readonly thorough: boolean }
) {
  const directories = new Set([...records.keys()].map((reference) => directoryOf(root, reference)))
  for (const name of yield* list(referencesOf(root))) {
    const directory = join(referencesOf(root), name)
    if (!directories.has(directory)) yield* removeTree(directory)
  }
  if (thorough) for (const [reference, keys] of records) yield* keepRecords(root, reference, keys)
  const top = join(root, "documents")
  for (const algorithm of yield* list(top)) {
    for (const hex of yield* list(join(top, algorithm))) {
      if (!digests.has(`${algorithm}:${hex}`)) yield* removeTree(join(top, algorithm, hex))
    }
  }
})

const restore = Effect.fnUntraced(function* (root: string, { digest, mediaType }: typeof NamedDocument.Type) {
  const bytes = yield* readDocument(root, digest)
  return bytes === undefined ? undefined : { digest, mediaType, bytes: new Uint8Array(bytes) }
})

/** A record with its documents. */
export interface KeptImage {
  readonly image: ImageRecord
  /** `undefined` where the record does not say. */
  readonly trees: ReadonlyArray<TreeForm> | undefined
}

const readImage = Effect.fnUntraced(function* (root: string, path: string) {
  const { trees, recorded = "", ...entry } = yield* readEntry(path)
  const index = entry.index === undefined ? undefined : yield* restore(root, entry.index)
  const [manifest, config] = [yield* restore(root, entry.manifest), yield* restore(root, entry.config)]
  if (manifest === undefined || config === undefined) return undefined
  const decoding = Effect.flatMap(parseJson(config.bytes), (json) =>
    decodeAs(ConfigJson, json, Number.POSITIVE_INFINITY)
  )
  const value = Option.getOrUndefined(yield* Effect.option(decoding))
  if (value === undefined) return undefined
  const kept: KeptImage = { image: { ...entry, index, manifest, config: { ...config, value } }, trees }
  return { ...kept, recorded }
})

/** All images with complete documents, in the order they were recorded. Unreadable ones are skipped. */
export const keptImages = Effect.fnUntraced(function* (root: string) {
  const images: Array<KeptImage & { readonly recorded: string }> = []
  const top = referencesOf(root)
  for (const directory of yield* list(top)) {
    for (const name of yield* list(join(top, directory))) {
      if (!name.endsWith(".json")) continue
      const image = yield* readImage(root, join(top, directory, name)).pipe(
        // A lack of memory or descriptors in this process says nothing about the image; to skip it would be to lose it.
        Effect.catch((error) => (scarcity(error) === undefined ? Effect.succeed(undefined) : Effect.fail(error)))
      )
      if (image !== undefined) images.push(image)
    }
  }
  return images.sort((a, b) => (a.recorded < b.recorded ? -1 : a.recorded > b.recorded ? 1 : 0))
})
