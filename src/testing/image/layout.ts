/** Images of an OCI layout directory (image-spec, image-layout.md). Blobs stay on disk and are read as they are served. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { type Content, contentOfFile } from "../Content.ts"
import { mediaTypes, type TestDocument, type TestImage, type TestLayer, type TestManifest } from "./TestImage.ts"

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
}
interface Document {
  readonly mediaType?: string
  readonly manifests?: ReadonlyArray<Descriptor>
  readonly config?: Descriptor
  readonly layers?: ReadonlyArray<Descriptor>
}
interface ImageConfig {
  readonly os?: string
  readonly architecture?: string
  readonly variant?: string
  readonly rootfs?: { readonly diff_ids?: ReadonlyArray<string> }
}

export const imagesOfLayout = async (
  directory: string
): Promise<ReadonlyArray<{ readonly tag: string | undefined; readonly image: TestImage }>> => {
  const index = JSON.parse(await readFile(join(directory, "index.json"), "utf8")) as Document
  return Promise.all(
    (index.manifests ?? []).map(async (descriptor) => ({
      tag: descriptor.annotations?.["org.opencontainers.image.ref.name"],
      image: await imageOfLayout(directory, descriptor)
    }))
  )
}

const imageOfLayout = async (directory: string, root: Descriptor): Promise<TestImage> => {
  const documents = new Map<string, TestDocument>()
  const blobs = new Map<string, Content>()
  const manifests: Array<TestManifest> = []
  const pathOf = (digest: string) => join(directory, "blobs", ...digest.split(":"))

  const descend = async ({ digest, mediaType, size }: Descriptor): Promise<void> => {
    const bytes = await readFile(pathOf(digest))
    documents.set(digest, { digest, mediaType, bytes })
    const { manifests: children, config, layers = [] } = JSON.parse(bytes.toString()) as Document
    for (const child of children ?? []) await descend(child)
    if (config === undefined) return
    for (const blob of [config, ...layers]) blobs.set(blob.digest, await contentOfFile(pathOf(blob.digest)))
    // An artifact's config may be anything; only an image's is looked into.
    const isImage = config.mediaType === mediaTypes.oci.config || config.mediaType === mediaTypes.docker.config
    const text = isImage ? await readFile(pathOf(config.digest), "utf8") : "{}"
    const value = JSON.parse(text) as ImageConfig & Record<string, unknown>
    manifests.push({
      digest,
      mediaType,
      size,
      platform: [value.os, value.architecture, value.variant].filter((part) => part !== undefined).join("/"),
      config: { digest: config.digest, size: config.size, value },
      layers: layers.map(
        (layer, i): TestLayer => ({
          digest: layer.digest,
          diffId: value.rootfs?.diff_ids?.[i] ?? "",
          mediaType: layer.mediaType,
          size: layer.size
        })
      )
    })
  }
  await descend({ ...root, mediaType: root.mediaType ?? mediaTypes.oci.manifest })
  return { digest: root.digest, mediaType: root.mediaType, size: root.size, documents, blobs, manifests }
}
