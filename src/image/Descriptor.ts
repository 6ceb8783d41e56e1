/** Names content: its type, its digest and its exact size (OCI image-spec, descriptor.md). */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { advice, TextMap } from "./json/lenient.ts"
import { PlatformFields } from "./Platform.ts"
import { type Digest, isDigest } from "./reference/Digest.ts"

/** Well-formed, by any algorithm: an entry that is never used may name bytes that cannot be proven. */
export const DigestText = Schema.String.pipe(
  Schema.check(Schema.makeFilter((text: string) => isDigest(text) || "a digest (algorithm:hex)")),
  Schema.brand("Digest")
)

export class Descriptor extends Schema.Class<Descriptor>("oci/Descriptor")({
  /** Empty where none is told. */
  mediaType: Schema.String.pipe(Schema.withDecodingDefaultKey(Effect.succeed(""))),
  digest: DigestText,
  /** Bytes, exactly. */
  size: Schema.Natural,
  /** Where else the content may be had: foreign layers. */
  urls: advice(Schema.Array(Schema.String)),
  annotations: advice(TextMap),
  platform: advice(PlatformFields),
  artifactType: advice(Schema.String),
  /** The content itself, in base64. */
  data: advice(Schema.String)
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
