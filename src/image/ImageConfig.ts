/**
 * How an image was built and how it is run (OCI image-spec, config.md), by the names that the document itself uses.
 * Only `rootfs` has to be there; real images leave out almost anything else.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { DigestText } from "./Descriptor.ts"

const Texts = Schema.Array(Schema.String)
const text = Schema.optionalKey(Schema.String)
/** A set, as Go writes one: the keys count. */
const Keys = Schema.Record(Schema.String, Schema.Unknown)

/** Defaults for a process that is started from the image. */
export const Execution = Schema.Struct({
  User: text,
  WorkingDir: text,
  Env: Schema.optionalKey(Texts),
  Entrypoint: Schema.optionalKey(Texts),
  Cmd: Schema.optionalKey(Texts),
  ExposedPorts: Schema.optionalKey(Keys),
  Volumes: Schema.optionalKey(Keys),
  Labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  StopSignal: text
})

export const History = Schema.Struct({
  created: text,
  created_by: text,
  author: text,
  comment: text,
  empty_layer: Schema.optionalKey(Schema.Boolean)
})

export class ImageConfig extends Schema.Class<ImageConfig>("oci/ImageConfig")({
  os: text,
  architecture: text,
  variant: text,
  "os.version": text,
  /** As it was written: RFC 3339 is asked for and not always there. */
  created: text,
  author: text,
  config: Schema.optionalKey(Execution),
  rootfs: Schema.Struct({
    type: text,
    /** Digests of the uncompressed layers, the lowest first. */
    diff_ids: Schema.Array(DigestText).pipe(Schema.withDecodingDefaultKey(Effect.succeed([])))
  }),
  history: Schema.optionalKey(Schema.Array(History))
}) {}
