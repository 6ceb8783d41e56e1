/**
 * What `docker save` writes. Since Docker 25 that is an OCI layout too, and read as one. Before, and by skopeo and podman
 * still, `manifest.json` names a config and layers, which are plain archives: there is no manifest to pull, so one is
 * made of what they are. The digest of a layer that is not compressed is its diffID, which the config tells.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import { ignoreElements, tap } from "rxjs"
import { isReason, ManifestNotFound, type Reason } from "../../api/errors.ts"
import type { DescriptorLike } from "../../image/Descriptor.ts"
import { decodeAs } from "../../image/json/decodeAs.ts"
import * as Shape from "../../image/json/Shape.ts"
import { dockerConfig, dockerManifest } from "../../image/mediaTypes.ts"
import { type Digest, parseDigest } from "../../image/reference/Digest.ts"
import { compressionOf, magicBytes } from "../../layer/compression/compressions.ts"
import { drain } from "../../reactive/bridge.ts"
import { Gate } from "../../reactive/Gate.ts"
import { checkLayerDescriptors, type DocumentLimits, digestOf, readConfig } from "../../registry/documents.ts"
import { beginningOf, type Container, documentOf, type Part, partOfBytes, unusable } from "../container/Container.ts"
import type { FileFormat, ImageSelector, LocalImage } from "./LocalImage.ts"
import { ambiguityProblem, mostNames, normalizeName, notFoundProblem, ociLayout, readJson } from "./ociLayout.ts"

const Saved = Shape.Struct({
  Config: Shape.String,
  RepoTags: Shape.advice(Shape.Array(Shape.String)),
  Layers: Shape.withDefault(Shape.Array(Shape.String), [])
})
type Saved = typeof Saved.Type
const Manifest = Shape.Array(Saved)

const layerType = "application/vnd.docker.image.rootfs.diff.tar"

const tagsOf = ({ RepoTags = [] }: Saved) => RepoTags

const hashed = Effect.fnUntraced(function* (part: Part): Effect.fn.Return<Digest, Reason> {
  const hash = createHash("sha256")
  const bytes$ = part.bytes$(new Gate(), 0, part.size).pipe(
    tap((chunk) => hash.update(chunk)),
    ignoreElements()
  )
  yield* drain(isReason)(bytes$)
  return yield* parseDigest(`sha256:${hash.digest("hex")}`)
})

const partAt = Effect.fnUntraced(function* (container: Container, path: string): Effect.fn.Return<Part, Reason> {
  return (
    (yield* container.find(path)) ?? (yield* unusable(container, `manifest.json names ${path}, which is not there`))
  )
})

/** A file may be named a thousand times, by as many names: it is read once. */
const onceEach = <A>(read: (part: Part) => Effect.Effect<A, Reason>) => {
  const known = new Map<Part, A>()
  return (part: Part): Effect.Effect<A, Reason> => {
    const found = known.get(part)
    return found !== undefined
      ? Effect.succeed(found)
      : Effect.tap(read(part), (it) => Effect.sync(() => known.set(part, it)))
  }
}

const makeReaders = (limits: DocumentLimits) => ({
  config: onceEach(
    (part): Effect.Effect<DescriptorLike, Reason> =>
      Effect.map(documentOf(part, "config", limits.documentBytes), (bytes) => ({
        mediaType: dockerConfig,
        digest: digestOf("sha256", bytes),
        size: bytes.length
      }))
  ),
  diffIds: onceEach(
    Effect.fnUntraced(function* (part) {
      const bytes = yield* documentOf(part, "config", limits.documentBytes)
      const described = { mediaType: dockerConfig, digest: digestOf("sha256", bytes), size: bytes.length }
      return (yield* readConfig(bytes, described, limits)).value.rootfs.diff_ids
    })
  ),
  compression: onceEach((part) => Effect.map(beginningOf(part, magicBytes), compressionOf)),
  digest: onceEach(hashed)
})
type Readers = ReturnType<typeof makeReaders>

/** Makes the manifest of an image, as Docker's registry has it. */
const makeImage = Effect.fnUntraced(function* (
  container: Container,
  saved: Saved,
  readers: Readers,
  limits: DocumentLimits
): Effect.fn.Return<LocalImage & { readonly config: Digest }, Reason> {
  const configPart = yield* partAt(container, saved.Config)
  const described = yield* readers.config(configPart)
  yield* checkLayerDescriptors(saved.Layers.length, described.digest, limits)
  const diffIds = yield* readers.diffIds(configPart)
  const parts = new Map<string, Part>([[described.digest, configPart]])
  const layers: Array<{ readonly mediaType: string; readonly size: number; readonly digest: string }> = []
  for (const [position, path] of saved.Layers.entries()) {
    const part = yield* partAt(container, path)
    const compression = yield* readers.compression(part)
    const diffId = diffIds[position]
    // Without a diffID, the two do not belong together: the caller that counts them says so.
    const digest = compression === undefined && diffId !== undefined ? diffId : yield* readers.digest(part)
    parts.set(digest, part)
    layers.push({
      mediaType: compression === undefined ? layerType : `${layerType}.${compression.suffix}`,
      size: part.size,
      digest
    })
  }
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: dockerManifest, config: described, layers })
  )
  const descriptor = { mediaType: dockerManifest, digest: digestOf("sha256", manifest), size: manifest.length }
  parts.set(descriptor.digest, partOfBytes(manifest))
  return {
    root: { _tag: "Entry", descriptor },
    part: (digest) => Effect.succeed(parts.get(digest)),
    config: described.digest
  }
})

const choose = Effect.fnUntraced(function* (
  container: Container,
  all: ReadonlyArray<Saved>,
  selector: ImageSelector,
  limits: DocumentLimits
): Effect.fn.Return<LocalImage, Reason> {
  const readers = makeReaders(limits)
  const choices = (some: ReadonlyArray<Saved>) =>
    Effect.forEach(some.slice(0, mostNames + 1), (saved) =>
      Effect.map(Effect.flatMap(partAt(container, saved.Config), readers.config), ({ digest }) => ({
        names: tagsOf(saved),
        digest
      }))
    )
  const none = Effect.flatMap(
    choices(all),
    (held) => new ManifestNotFound({ url: selector.url, detail: notFoundProblem(held) })
  )
  if (selector.digest !== undefined) {
    for (const saved of all) {
      const image = yield* makeImage(container, saved, readers, limits)
      const { root } = image
      if (image.config === selector.digest || (root._tag === "Entry" && root.descriptor.digest === selector.digest))
        return image
    }
    return yield* none
  }
  const wanted = selector.image === undefined ? undefined : yield* normalizeName(selector.image)
  const chosen: Array<Saved> = []
  for (const saved of all) {
    const tags = wanted === undefined ? [] : yield* Effect.forEach(tagsOf(saved), normalizeName)
    if (wanted === undefined || tags.includes(wanted)) chosen.push(saved)
  }
  const [first] = chosen
  if (first === undefined) return yield* none
  const isFirst = ({ Config, Layers }: Saved) =>
    Config === first.Config && Layers.join("\0") === first.Layers.join("\0")
  if (!chosen.every(isFirst))
    return yield* unusable(container, ambiguityProblem(yield* choices(chosen), selector.image))
  return yield* makeImage(container, first, readers, limits)
})

const readSaved = Effect.fnUntraced(function* (
  container: Container,
  limit: number
): Effect.fn.Return<ReadonlyArray<Saved>, Reason> {
  const found = yield* readJson(container, "manifest.json", limit)
  if (found === undefined)
    return yield* unusable(container, "there is no manifest.json: it is nothing that docker save writes today")
  return yield* decodeAs(Manifest, found.json).pipe(
    Effect.mapError((problem) => unusable(container, `manifest.json: ${problem}`))
  )
})

const isLayout = (container: Container) => Effect.map(container.find("oci-layout"), (found) => found !== undefined)

export const dockerArchive: FileFormat = {
  // What a manifest.json names in a directory could be a link to anywhere; in a layout every name is a digest.
  takesDirectory: false,
  open: Effect.fnUntraced(function* (container, selector, limits) {
    if (yield* isLayout(container)) return yield* ociLayout.open(container, selector, limits)
    return yield* choose(container, yield* readSaved(container, limits.documentBytes), selector, limits)
  }),
  names: Effect.fnUntraced(function* (container, limits) {
    if (yield* isLayout(container)) return yield* ociLayout.names(container, limits)
    return (yield* readSaved(container, limits.documentBytes)).flatMap(tagsOf)
  })
}
