/** Names content: its type, its digest and its exact size (OCI image-spec, descriptor.md). */
import * as Schema from "effect/Schema"
import { PlatformFields } from "./Platform.ts"
import { type Digest, isDigest } from "./reference/Digest.ts"

/** Well-formed, by any algorithm: an entry that is never used may name bytes that cannot be proven. */
export const DigestText = Schema.String.pipe(
  Schema.check(Schema.makeFilter((text: string) => isDigest(text) || "a digest (algorithm:hex)")),
  Schema.brand("Digest")
)

export const Annotations = Schema.Record(Schema.String, Schema.String)

export class Descriptor extends Schema.Class<Descriptor>("oci/Descriptor")({
  mediaType: Schema.String,
  digest: DigestText,
  /** Bytes, exactly. */
  size: Schema.Natural,
  /** Where else the content may be had: foreign layers. */
  urls: Schema.optionalKey(Schema.Array(Schema.String)),
  annotations: Schema.optionalKey(Annotations),
  platform: Schema.optionalKey(PlatformFields),
  artifactType: Schema.optionalKey(Schema.String)
}) {}

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
