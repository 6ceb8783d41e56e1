/**
 * The documents of every image, as files: `documents/<algorithm>/<hex>` holds the bytes of an index, manifest or
 * config, and `references/…` one small record for each reference and platform that names them. From these the
 * catalogue can be built again; what a file's own digest does not prove is not believed, so nobody waits for the disk.
 */
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { list } from "../../fs/list.ts"
import { scarcity } from "../../fs/load.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import { writeAtomic } from "../../fs/writeAtomic.ts"
import { algorithmOf, hexOf, isDigest, isHashable } from "../../image/reference/Digest.ts"
import { platformKey } from "../platformKey.ts"
import { removeTree } from "../trees/removeTree.ts"
import { isDirectory } from "../trees/Staging.ts"
import type { ImageRecord, RecordedDocument } from "./ImageRecord.ts"

const NamedDocument = Schema.Struct({ digest: Schema.String, mediaType: Schema.String })
const Platform = Schema.Struct({
  os: Schema.String,
  architecture: Schema.String,
  variant: Schema.optionalKey(Schema.String)
})

/** An `ImageRecord` whose documents are named only. */
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
  )
})

const hash = (algorithm: string, bytes: Uint8Array | string) => createHash(algorithm).update(bytes).digest("hex")

const pathOf = (root: string, digest: string) => join(root, "documents", algorithmOf(digest), hexOf(digest))

const referencesOf = (root: string) => join(root, "references")

/** Names of remote making (a reference, a platform) become file names only as hashes. */
const directoryOf = (root: string, reference: string) => join(referencesOf(root), hash("sha256", reference))

/** Some image goes by this reference, perhaps: its record is written before its rows are. */
export const isNamed = (root: string, reference: string) => isDirectory(directoryOf(root, reference))

const isProven = (digest: string, bytes: Uint8Array): boolean =>
  isDigest(digest) && isHashable(digest) && hash(algorithmOf(digest), bytes) === hexOf(digest)

/** `undefined` where it is missing, or is not what its name says. */
export const readDocument = Effect.fnUntraced(function* (root: string, digest: string) {
  if (!isDigest(digest)) return undefined
  const path = pathOf(root, digest)
  const bytes = yield* ifMissing(syscall("read", path, () => readFile(path)))
  return bytes !== undefined && isProven(digest, bytes) ? bytes : undefined
})

/** Under the catalogue's lock: the names beside are shared. */
const writeDocument = Effect.fnUntraced(function* (root: string, { digest, bytes }: RecordedDocument) {
  if (!isDigest(digest) || (yield* readDocument(root, digest)) !== undefined) return
  const path = pathOf(root, digest)
  yield* writeAtomic(path, bytes, `${path}.tmp`, { lasting: false })
})

/** Keeps an image's documents and its record; `alone` when the reference names nothing else any more. */
export const keepImage = Effect.fnUntraced(function* (root: string, image: ImageRecord, alone: boolean) {
  for (const document of [image.index, image.manifest, image.config]) {
    if (document !== undefined) yield* writeDocument(root, document)
  }
  const named = ({ digest, mediaType }: RecordedDocument) => ({ digest, mediaType })
  const { index, manifest, config, layers } = image
  const entry = {
    reference: image.reference,
    digest: image.digest,
    platform: image.platform,
    requested: image.requested,
    index: index === undefined ? undefined : named(index),
    manifest: named(manifest),
    config: named(config),
    layers: layers.map(({ digest, diffId, mediaType, size }) => ({ digest, diffId, mediaType, size }))
  }
  const directory = directoryOf(root, image.reference)
  const record = `${hash("sha256", platformKey(image.platform))}.json`
  const path = join(directory, record)
  yield* writeAtomic(path, Buffer.from(JSON.stringify(entry)), `${path}.tmp`, { lasting: false })
  // The others after it: at no moment is nothing known of a reference that has its rows.
  if (!alone) return
  for (const name of yield* list(directory)) if (name !== record) yield* removeTree(join(directory, name))
})

/** What the catalogue names. */
export interface Named {
  readonly references: ReadonlySet<string>
  readonly digests: ReadonlySet<string>
}

/** Removes every record and every document but these. Under the catalogue's lock, as all that writes here. */
export const keepNamed = Effect.fnUntraced(function* (root: string, { references, digests }: Named) {
  const directories = new Set([...references].map((reference) => directoryOf(root, reference)))
  for (const name of yield* list(referencesOf(root))) {
    const directory = join(referencesOf(root), name)
    if (!directories.has(directory)) yield* removeTree(directory)
  }
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

const readEntry = Effect.fnUntraced(function* (root: string, path: string) {
  const text = yield* syscall("read", path, () => readFile(path, "utf8"))
  const entry = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(Entry))(text)
  const index = entry.index === undefined ? undefined : yield* restore(root, entry.index)
  const [manifest, config] = [yield* restore(root, entry.manifest), yield* restore(root, entry.config)]
  if (manifest === undefined || config === undefined) return undefined
  const image: ImageRecord = { ...entry, index, manifest, config }
  return image
})

/** Every image whose documents are whole; what cannot be read is passed over. */
export const keptImages = Effect.fnUntraced(function* (root: string) {
  const images: Array<ImageRecord> = []
  const top = referencesOf(root)
  for (const directory of yield* list(top)) {
    for (const name of yield* list(join(top, directory))) {
      if (!name.endsWith(".json")) continue
      const image = yield* readEntry(root, join(top, directory, name)).pipe(
        // What this process lacks says nothing of the image: to go on without it would be to forget it.
        Effect.catch((error) => (scarcity(error) === undefined ? Effect.succeed(undefined) : Effect.fail(error)))
      )
      if (image !== undefined) images.push(image)
    }
  }
  return images
})
