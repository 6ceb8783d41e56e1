/** Images as files: OCI layouts and what `docker save` writes, of the images that registries serve in tests. */
import { createWriteStream } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { gunzipSync } from "node:zlib"
import { type Content, collect, contentOfBytes, digestOf, type TestImage, tar } from "../../src/testing/index.ts"

/** By their path in a directory or an archive. */
export type Files = Map<string, Uint8Array | Content>

const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const blob = (digest: string) => `blobs/${digest.replace(":", "/")}`

export type Named = readonly [annotations: Readonly<Record<string, string>>, image: TestImage]

export const tagged = (name: string): Readonly<Record<string, string>> => ({
  "org.opencontainers.image.ref.name": name
})

export const layoutOf = (images: ReadonlyArray<Named>): Files => {
  const files: Files = new Map()
  files.set("oci-layout", json({ imageLayoutVersion: "1.0.0" }))
  const manifests = images.map(([annotations, { mediaType, digest, size }]) => ({
    mediaType,
    digest,
    size,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations })
  }))
  files.set("index.json", json({ schemaVersion: 2, manifests }))
  for (const [, { documents, blobs }] of images) {
    for (const [digest, { bytes }] of documents) files.set(blob(digest), bytes)
    for (const [digest, content] of blobs) files.set(blob(digest), content)
  }
  return files
}

/** As Docker before 25, skopeo and podman do: layers as plain archives, `manifest.json`. */
export const savedOf = async (images: ReadonlyArray<readonly [tags: ReadonlyArray<string>, image: TestImage]>) => {
  const files: Files = new Map()
  const manifests: Array<unknown> = []
  for (const [RepoTags, { manifests: made, blobs }] of images) {
    const { config, layers } = made[0] ?? { config: { digest: "" }, layers: [] }
    const bytesOf = async (digest: string) => collect(blobs.get(digest) ?? contentOfBytes(Buffer.alloc(0)))
    const configName = `${config.digest.slice(7)}.json`
    files.set(configName, await bytesOf(config.digest))
    const Layers: Array<string> = []
    for (const { digest } of layers) {
      const archive = gunzipSync(await bytesOf(digest))
      const name = `${digestOf(archive).slice(7)}/layer.tar`
      files.set(name, archive)
      Layers.push(name)
    }
    manifests.push({ Config: configName, RepoTags, Layers })
  }
  files.set("manifest.json", json(manifests))
  return files
}

const bytesOf = async (content: Uint8Array | Content) => ("read" in content ? collect(content) : content)

export const writeFiles = async (directory: string, files: Files): Promise<string> => {
  for (const [path, content] of files) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), await bytesOf(content))
  }
  return directory
}

export const archiveOf = (files: Files, prefix = ""): Content => {
  const made = tar()
  for (const [path, content] of files) made.file(prefix + path, content)
  return made.ended().content()
}

export const writeArchive = async (path: string, files: Files): Promise<string> => {
  const content = archiveOf(files)
  await pipeline(Readable.from(content.read(0, content.size)), createWriteStream(path))
  return path
}
