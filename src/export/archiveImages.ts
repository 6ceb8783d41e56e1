/**
 * Images → one archive of their blobs, as they are: an OCI layout (image-spec, image-layout.md) in a tar and, for docker, the
 * `manifest.json` beside it that `docker save` has written since its first version. The same images give the same bytes.
 *
 *     oci-layout, index.json, [manifest.json,] blobs/<algorithm>/<hex> …
 */

import type { FoundImage, ResolvedLayer } from "../image/ResolvedImage.ts"
import { fullName, refName } from "../image/reference/annotations.ts"
import { algorithmOf, hexOf } from "../image/reference/Digest.ts"
import type { EntryHeader, EntryType } from "../layer/Entry.ts"
import type { BodyReader, EntryCursor } from "../layer/EntryCursor.ts"

export interface ExportedImage extends Pick<FoundImage, "manifest" | "config" | "layers" | "platform"> {
  /** `registry/repository:tag`, where it has such a name. */
  readonly name: string | undefined
  /** What the index of a layout calls it. */
  readonly tag: string | undefined
  /** Reads a blob. The last piece comes when all of it is proven. */
  readonly open: (layer: ResolvedLayer) => BodyReader
}

const pathOf = (digest: string) => `blobs/${algorithmOf(digest)}/${hexOf(digest)}`

const headerOf = (path: string, type: EntryType, size: number): EntryHeader => ({
  path,
  linkPath: "",
  type,
  mode: type === "directory" ? 0o755 : 0o644,
  uid: 0,
  gid: 0,
  size,
  mtime: { seconds: 0, nanos: 0 },
  devMajor: 0,
  devMinor: 0,
  xattrs: new Map()
})

const bodyOf = (bytes: Uint8Array): BodyReader => {
  let rest: Uint8Array | undefined = bytes.length > 0 ? bytes : undefined
  return {
    read: async () => {
      const piece = rest
      rest = undefined
      return piece
    },
    leave: () => {
      rest = undefined
    }
  }
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value))

/** A tag that another image has already is left to it. */
const indexOf = (images: ReadonlyArray<ExportedImage>) => {
  const taken = new Set<string>()
  return {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: images.map(({ manifest: { descriptor }, platform: { os, architecture, variant }, name, tag }) => {
      const { mediaType, digest, size } = descriptor
      const called = tag !== undefined && !taken.has(tag) ? tag : (name ?? tag)
      if (called !== undefined) taken.add(called)
      const annotations = {
        ...(called === undefined ? {} : { [refName]: called }),
        ...(name === undefined ? {} : { [fullName]: name })
      }
      const platform = { architecture, os, ...(variant === undefined ? {} : { variant }) }
      return { mediaType, digest, size, platform, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) }
    })
  }
}

const dockerManifest = (images: ReadonlyArray<ExportedImage>) =>
  images.map(({ name, config, layers }) => ({
    Config: pathOf(config.descriptor.digest),
    RepoTags: name === undefined ? null : [name],
    Layers: layers.map(({ digest }) => pathOf(digest))
  }))

interface Part {
  readonly header: EntryHeader
  readonly open: () => BodyReader
}

const partsOf = function* (images: ReadonlyArray<ExportedImage>, isDocker: boolean): Generator<Part> {
  const file = (path: string, bytes: Uint8Array): Part => ({
    header: headerOf(path, "file", bytes.length),
    open: () => bodyOf(bytes)
  })
  yield file("oci-layout", json({ imageLayoutVersion: "1.0.0" }))
  yield file("index.json", json(indexOf(images)))
  if (isDocker) yield file("manifest.json", json(dockerManifest(images)))
  const seen = new Set<string>()
  const isNew = (path: string) => !seen.has(path) && seen.add(path)
  const directories = function* (digest: string): Generator<Part> {
    for (const path of ["blobs", `blobs/${algorithmOf(digest)}`])
      if (isNew(path)) yield { header: headerOf(path, "directory", 0), open: () => bodyOf(new Uint8Array(0)) }
  }
  for (const { manifest, config } of images)
    for (const { descriptor, bytes } of [manifest, config]) {
      yield* directories(descriptor.digest)
      if (isNew(pathOf(descriptor.digest))) yield file(pathOf(descriptor.digest), bytes)
    }
  for (const { layers, open } of images)
    for (const layer of layers) {
      yield* directories(layer.digest)
      if (isNew(pathOf(layer.digest)))
        yield { header: headerOf(pathOf(layer.digest), "file", layer.size), open: () => open(layer) }
    }
}

/** The entries of the archive; a blob is opened when its entry is asked for. */
export const archiveImages = (images: ReadonlyArray<ExportedImage>, isDocker: boolean): Pick<EntryCursor, "next"> => {
  const parts = partsOf(images, isDocker)
  return {
    next: async () => {
      const { value } = parts.next()
      return value === undefined ? undefined : { header: value.header, body: value.open() }
    }
  }
}
