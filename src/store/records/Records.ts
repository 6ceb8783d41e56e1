/**
 * A small file for each image and platform that a reference names: `references/…`. It names the image's documents, so the catalogue
 * can be rebuilt from them. A record is written before its rows, beside the record of what the reference named before; that one is
 * removed once the rows are on disk. So rows always have a record.
 */
import { rename } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { isDirectory, list } from "../../fs/directories.ts"
import { readRegular } from "../../fs/openRegular.ts"
import { syscall } from "../../fs/syscall.ts"
import { writeAtomic } from "../../fs/writeAtomic.ts"
import * as Shape from "../../image/json/Shape.ts"
import { refuseLink } from "../directories/refuseLink.ts"
import { removeTree } from "../trees/removeTree.ts"
import type { TreeForm } from "../trees/TreePaths.ts"
import { hashOf, mostBytes, writeDocument } from "./DocumentFiles.ts"
import type { ImageRecord, RecordedDocument, RecordedPlatform } from "./ImageRecord.ts"
import { platformText } from "./platformKey.ts"

const Named = Shape.Struct({ digest: Shape.String, mediaType: Shape.String })
/** A document of a record. */
export type NamedDocument = typeof Named.Type
const Platform = Shape.Struct({
  os: Shape.String,
  architecture: Shape.String,
  variant: Shape.optionalKey(Shape.String)
})

/** An `ImageRecord` that has only the digests of its documents. */
const Entry = Shape.Struct({
  reference: Shape.String,
  digest: Shape.String,
  platform: Platform,
  requested: Shape.optionalKey(Platform),
  index: Shape.optionalKey(Named),
  manifest: Named,
  config: Named,
  layers: Shape.Array(
    Shape.Struct({
      ...{ digest: Shape.String, diffId: Shape.String, mediaType: Shape.String, size: Shape.Number },
      tree: Shape.optionalKey(Shape.String)
    })
  ),
  /** The forms of its trees; absent in older records. */
  trees: Shape.optionalKey(
    Shape.Array(Shape.Struct({ kind: Shape.Literals(["extracted", "rootfs"]), variant: Shape.String }))
  ),
  /** When it was written; absent in older records. */
  recorded: Shape.optionalKey(Shape.String)
})
const EntryText = Shape.fromJsonString(Entry)

export const referencesOf = (root: string) => join(root, "references")

/** Names from outside (a reference, a platform) are hashed to become file names. */
export const directoryOf = (root: string, reference: string) => join(referencesOf(root), hashOf("sha256", reference))

/** Whether there may be an image of this reference: its record is written before its rows. */
export const hasRecord = (root: string, reference: string) => isDirectory(directoryOf(root, reference))

/** The parts of an image that its record's file name is made from. */
export interface RecordKey {
  readonly digest: string
  readonly platform: RecordedPlatform
  readonly manifest: string
}

const nameOf = ({ digest, platform, manifest }: RecordKey) =>
  `${hashOf("sha256", `${digest} ${platformText(platform)} ${manifest}`)}.json`

const writeEntry = (
  root: string,
  entry: Omit<ImageRecord, "index" | "manifest" | "config"> & {
    readonly index?: NamedDocument | undefined
    readonly manifest: NamedDocument
    readonly config: NamedDocument
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
    layers: layers.map(({ digest, diffId, mediaType, size, tree }) => ({
      ...{ digest, diffId, mediaType, size },
      ...(tree === undefined ? {} : { tree })
    })),
    trees,
    recorded
  })
})

export const readEntry = Effect.fnUntraced(function* (path: string) {
  const bytes = yield* syscall("read", path, () => readRegular(path, mostBytes))
  return yield* Shape.decode(EntryText)(bytes.toString())
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
