/**
 * How an image was built and how it is run (OCI image-spec, config.md), by the names that the document itself uses.
 * Real images leave out almost anything. A pull needs the platform and `rootfs`: what else makes no sense is left out.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { DigestText } from "./Descriptor.ts"
import { AnyMap, advice, TextMap } from "./json/lenient.ts"

const Texts = Schema.Array(Schema.String)
const text = Schema.optionalKey(Schema.String)
const anyText = advice(Schema.String)
/** A set, as Go writes one: the keys count. */
const Keys = AnyMap

/** Docker's; durations are nanoseconds, and 0 is the default. */
const Healthcheck = Schema.Struct({
  Test: advice(Texts),
  Interval: advice(Schema.Finite),
  Timeout: advice(Schema.Finite),
  StartPeriod: advice(Schema.Finite),
  StartInterval: advice(Schema.Finite),
  Retries: advice(Schema.Natural)
})

/** Defaults for a process that is started from the image. */
export const Execution = Schema.Struct({
  User: anyText,
  WorkingDir: anyText,
  Env: advice(Texts),
  Entrypoint: advice(Texts),
  Cmd: advice(Texts),
  ExposedPorts: advice(Keys),
  Volumes: advice(Keys),
  Labels: advice(TextMap),
  StopSignal: anyText,
  Healthcheck: advice(Healthcheck)
})

export const History = Schema.Struct({
  created: anyText,
  created_by: anyText,
  author: anyText,
  comment: anyText,
  empty_layer: advice(Schema.Boolean)
})

export class ConfigJson extends Schema.Class<ConfigJson>("oci/ConfigJson")({
  os: text,
  architecture: text,
  variant: text,
  "os.version": text,
  /** As it was written: RFC 3339 is asked for and not always there. */
  created: anyText,
  author: anyText,
  config: advice(Execution),
  rootfs: Schema.Struct({
    type: anyText,
    /** Digests of the uncompressed layers, the lowest first. */
    diff_ids: Schema.Array(DigestText).pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed([])))
  }).pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed({ diff_ids: [] }))),
  history: advice(Schema.Array(History))
}) {}
