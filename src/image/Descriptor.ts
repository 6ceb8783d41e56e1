/** Names content: its type, its digest and its exact size (OCI image-spec, descriptor.md). */

import { TextMap } from "./json/lenient.ts"
import * as Shape from "./json/Shape.ts"
import { PlatformFields } from "./Platform.ts"
import { type Digest, isDigest } from "./reference/Digest.ts"

/** Well-formed, by any algorithm: an entry that is never used may name bytes that cannot be proven. */
export const DigestText = Shape.check(Shape.String, isDigest, "a digest (algorithm:hex)")

export const Descriptor = Shape.Struct({
  /** Empty where none is told. */
  mediaType: Shape.withDefault(Shape.String, ""),
  digest: DigestText,
  /** Bytes, exactly. */
  size: Shape.Natural,
  /** Where else the content may be had: foreign layers. */
  urls: Shape.advice(Shape.Array(Shape.String)),
  annotations: Shape.advice(TextMap),
  platform: Shape.advice(PlatformFields),
  artifactType: Shape.advice(Shape.String),
  /** The content itself, in base64. */
  data: Shape.advice(Shape.String)
})
export type Descriptor = typeof Descriptor.Type

/** Bytes of all of them, at most `Number.MAX_SAFE_INTEGER`: each size is what somebody says it is. */
export const totalSize = (all: Iterable<Pick<Descriptor, "size">>): number => {
  let total = 0
  for (const { size } of all) total = Math.min(Number.MAX_SAFE_INTEGER, total + size)
  return total
}

/** The platform that an entry of an index tells; some write an empty one. */
export const platformOf = ({ platform }: Descriptor): Descriptor["platform"] =>
  platform === undefined || (platform.os === "" && platform.architecture === "") ? undefined : platform

/** A document as it came, proven against its descriptor. `bytes` are what was hashed; `value` is what they say. */
export interface Document<A> {
  readonly descriptor: DescriptorLike
  readonly bytes: Uint8Array
  readonly value: A
}

/** What it takes to fetch content and prove it. */
export interface DescriptorLike {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
}
