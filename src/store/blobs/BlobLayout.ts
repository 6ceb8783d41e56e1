/**
 * An OCI layout (image-spec, image-layout.md) of what was pulled, for `keepBlobs`. Each blob is stored once, however
 * many images need it, and a layout of another tool is extended. `index.json` is replaced as a whole, under a lock that
 * all stores that write there share. Blobs that it no longer names are left where they are. Its content cannot be
 * rebuilt from elsewhere, so it is synced, after the documents that it names.
 *
 *     <directory>/oci-layout, index.json
 *     <directory>/blobs/<algorithm>/<hex>
 */
import { lstat } from "node:fs/promises"
import { dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { codeOrMessage } from "../../api/codeOf.ts"
import type { Durability } from "../../api/config.ts"
import { FileSystemFailed, InvalidSource, type Reason } from "../../api/errors.ts"
import type { PulledImage } from "../../api/events.ts"
import { readBounded } from "../../fs/readBounded.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import { syncDirectory, writeAtomic } from "../../fs/writeAtomic.ts"
import * as Shape from "../../image/json/Shape.ts"
import { fullName, refName } from "../../image/reference/annotations.ts"
import { algorithmOf, hexOf } from "../../image/reference/Digest.ts"
import { lock } from "../locks/Lock.ts"
import type { ImageRecord, RecordedDocument } from "../records/ImageRecord.ts"
import { openWhole, type PartialBlob } from "./PartialBlob.ts"

/** The names under which the index of a layout lists an image. */
export interface LayoutNames {
  /** The tag, by which most tools know it. */
  readonly short: string | undefined
  /** The reference; none for an image from a file, which no other tool could pull by it. */
  readonly full: string | undefined
}

export interface BlobLayout {
  /** A file of this size is there under this digest. */
  readonly has: (blob: { readonly digest: string; readonly size?: number }) => Effect.Effect<boolean, Reason>
  /** A blob that is there, as one whose bytes are all kept; it is not written to. */
  readonly open: (blob: {
    readonly digest: string
    readonly size: number
  }) => Effect.Effect<PartialBlob, FileSystemFailed, Scope.Scope>
  /** Moves a verified blob into the layout. */
  readonly keep: (digest: string, blob: PartialBlob) => Effect.Effect<void, Reason>
  /** Whether the layout has the whole image, under these names. */
  readonly holds: (names: LayoutNames, image: PulledImage) => Effect.Effect<boolean, Reason>
  /** Adds an image whose layers are all here. It replaces what had its name. */
  readonly enter: (names: LayoutNames, image: ImageRecord) => Effect.Effect<void, Reason>
}

const Texts = Shape.Record(Shape.String)
const Entry = Shape.Struct({ digest: Shape.String, annotations: Shape.optionalKey(Texts) }, { open: true })
const Index = Shape.fromJsonString(Shape.Struct({ manifests: Shape.Array(Entry) }, { open: true }))
type Entry = typeof Entry.Type

const isCalled =
  ({ short, full }: LayoutNames, digest: string) =>
  ({ annotations = {}, ...entry }: Entry): boolean => {
    if (full !== undefined) return annotations[fullName] === full
    if (annotations[fullName] !== undefined) return false
    return short === undefined ? entry.digest === digest : annotations[refName] === short
  }

/** The first image with a tag is named by the tag, later ones by their full name, so that any tool can select each. */
const annotationsOf = ({ short, full }: LayoutNames, digest: string, others: ReadonlyArray<Entry>) => {
  const isTaken = others.some(({ annotations = {} }) => annotations[refName] === short)
  const name = short !== undefined && !isTaken ? short : (full ?? digest.replace(":", "-"))
  return { [refName]: name, ...(full === undefined ? {} : { [fullName]: full }) }
}

/** The largest `index.json`: some 200 000 images. */
const mostBytes = 2 ** 26

export interface BlobLayoutOptions {
  /** With `power`, blobs are synced too, before `index.json` names them. */
  readonly durability?: Durability | undefined
}

export const makeBlobLayout = (directory: string, { durability }: BlobLayoutOptions = {}): BlobLayout => {
  const indexPath = join(directory, "index.json")
  const pathOf = (digest: string) => join(directory, "blobs", algorithmOf(digest), hexOf(digest))
  // Under the layout's lock, so a temporary file that a dead process left can be overwritten.
  const write = (path: string, bytes: Uint8Array) => writeAtomic(path, bytes, `${path}.tmp`, { lasting: true })

  const has: BlobLayout["has"] = ({ digest, size }) => {
    const path = pathOf(digest)
    return Effect.map(
      ifMissing(syscall("lstat", path, () => lstat(path))),
      (found) => found?.isFile() === true && (size === undefined || found.size === size)
    )
  }

  const readIndexFile = Effect.mapError(
    readBounded(indexPath, mostBytes),
    (error) => new FileSystemFailed({ operation: "read", path: indexPath, code: codeOrMessage(error) })
  )

  const readIndex = Effect.gen(function* () {
    const text = (yield* ifMissing(readIndexFile))?.toString()
    // An empty file has lost its content to a power cut or a full disk.
    if (text === undefined || text === "") return { schemaVersion: 2, manifests: [] }
    return yield* Shape.decode(Index)(text).pipe(
      Effect.mapError(() => new InvalidSource({ source: indexPath, problem: "it is not the index of an OCI layout" }))
    )
  })

  const keepDocument = Effect.fnUntraced(function* ({ digest, bytes }: RecordedDocument) {
    if (!(yield* has({ digest, size: bytes.length }))) yield* write(pathOf(digest), bytes)
  })

  return {
    has,
    open: ({ digest, size }) => openWhole(pathOf(digest), size),
    keep: Effect.fnUntraced(function* (digest, blob) {
      const path = pathOf(digest)
      // Not all of the blob was kept: the disk was full, and the download went on without keeping it.
      if (!(yield* blob.moveTo(path, { lasting: durability === "power" })))
        return yield* new FileSystemFailed({ operation: "write", path, code: "ENOSPC" })
    }),
    holds: Effect.fnUntraced(function* (names, { digest, manifestDigest, configDigest, layers }) {
      const { manifests } = yield* readIndex
      const isThis = isCalled(names, digest)
      if (!manifests.some((entry) => entry.digest === digest && isThis(entry))) return false
      for (const blob of [{ digest }, { digest: manifestDigest }, { digest: configDigest }, ...layers])
        if (!(yield* has(blob))) return false
      return true
    }),
    enter: Effect.fnUntraced(function* (names, { index, manifest, config, layers }) {
      yield* lock(join(directory, ".ociflow.lock"))
      for (const document of [config, manifest, ...(index === undefined ? [] : [index])]) yield* keepDocument(document)
      if (durability === "power") {
        const directories = new Set(layers.map(({ digest }) => dirname(pathOf(digest))))
        yield* Effect.forEach(directories, syncDirectory, { discard: true })
      }
      const { mediaType, digest, bytes } = index ?? manifest
      const before = yield* readIndex
      const others = before.manifests.filter((entry) => !isCalled(names, digest)(entry))
      const annotations = annotationsOf(names, digest, others)
      const manifests = [...others, { mediaType, digest, size: bytes.length, annotations }]
      yield* write(join(directory, "oci-layout"), Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" })))
      yield* write(indexPath, Buffer.from(JSON.stringify({ ...before, manifests })))
    }, Effect.scoped)
  }
}
