/** What a registry holds: repositories, each with tags, documents and blobs. */
import { types } from "node:util"
import { type Content, contentOfBytes, digestOf } from "../Content.ts"
import type { TestDocument, TestImage } from "../image/TestImage.ts"

export interface Repository {
  readonly tags: Map<string, string>
  readonly documents: Map<string, TestDocument>
  readonly blobs: Map<string, Content>
}

export class Repositories {
  readonly repositories = new Map<string, Repository>()

  repository(name: string): Repository {
    const known = this.repositories.get(name)
    if (known !== undefined) return known
    const made: Repository = { tags: new Map(), documents: new Map(), blobs: new Map() }
    this.repositories.set(name, made)
    return made
  }
  /** `name` is `repository` or `repository:tag`; without a tag the image is there by digest only. */
  add(name: string, image: TestImage): void {
    const [, repository = name, tag] = /^(.*?)(?::([^/:]+))?$/.exec(name) ?? []
    const { tags, documents, blobs } = this.repository(repository)
    for (const [digest, document] of image.documents) documents.set(digest, document)
    for (const [digest, content] of image.blobs) blobs.set(digest, content)
    if (tag !== undefined) tags.set(tag, image.digest)
  }
  addBlob(repository: string, content: Uint8Array | Content, digest?: string): string {
    const name = digest ?? (types.isUint8Array(content) ? digestOf(content) : undefined)
    if (name === undefined) throw new TypeError("content that is not bytes needs its digest")
    this.repository(repository).blobs.set(name, types.isUint8Array(content) ? contentOfBytes(content) : content)
    return name
  }
  /** Any bytes under a tag or a digest, true or not. */
  addDocument(repository: string, bytes: Uint8Array, mediaType: string, reference?: string): string {
    const { tags, documents } = this.repository(repository)
    const isDigest = reference?.includes(":") === true
    const digest = isDigest && reference !== undefined ? reference : digestOf(bytes)
    documents.set(digest, { digest, mediaType, bytes })
    if (reference !== undefined && !isDigest) tags.set(reference, digest)
    return digest
  }
  /** Without a repository: wherever it is. */
  blob(digest: string, repository?: string): Content | undefined {
    if (repository !== undefined) return this.repositories.get(repository)?.blobs.get(digest)
    for (const { blobs } of this.repositories.values()) {
      const content = blobs.get(digest)
      if (content !== undefined) return content
    }
    return undefined
  }
  document(repository: string, reference: string): TestDocument | undefined {
    const held = this.repositories.get(repository)
    return held?.documents.get(reference) ?? held?.documents.get(held.tags.get(reference) ?? "")
  }
}
