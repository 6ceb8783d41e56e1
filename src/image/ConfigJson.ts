/**
 * How an image was built and how it is run (OCI image-spec, config.md), by the names that the document itself uses.
 * Real images leave out almost anything. A pull needs the platform and `rootfs`: what else makes no sense is left out.
 */

import { DigestText } from "./Descriptor.ts"
import { AnyMap, TextMap } from "./json/lenient.ts"
import * as Shape from "./json/Shape.ts"

const Texts = Shape.Array(Shape.String)
const text = Shape.optionalKey(Shape.String)
const anyText = Shape.advice(Shape.String)
/** A set, as Go writes one: the keys count. */
const Keys = AnyMap

/** Docker's; durations are nanoseconds, and 0 is the default. */
const Healthcheck = Shape.Struct({
  Test: Shape.advice(Texts),
  Interval: Shape.advice(Shape.Finite),
  Timeout: Shape.advice(Shape.Finite),
  StartPeriod: Shape.advice(Shape.Finite),
  StartInterval: Shape.advice(Shape.Finite),
  Retries: Shape.advice(Shape.Natural)
})

/** Defaults for a process that is started from the image. */
export const Execution = Shape.Struct({
  User: anyText,
  WorkingDir: anyText,
  Env: Shape.advice(Texts),
  Entrypoint: Shape.advice(Texts),
  Cmd: Shape.advice(Texts),
  ExposedPorts: Shape.advice(Keys),
  Volumes: Shape.advice(Keys),
  Labels: Shape.advice(TextMap),
  StopSignal: anyText,
  Healthcheck: Shape.advice(Healthcheck)
})

export const History = Shape.Struct({
  created: anyText,
  created_by: anyText,
  author: anyText,
  comment: anyText,
  empty_layer: Shape.advice(Shape.Boolean)
})

export const ConfigJson = Shape.Struct({
  os: text,
  architecture: text,
  variant: text,
  "os.version": text,
  /** The time as the builder wrote it: the specification asks for RFC 3339, but not all follow it. */
  created: anyText,
  author: anyText,
  config: Shape.advice(Execution),
  rootfs: Shape.withDefault(
    Shape.Struct({
      type: anyText,
      /** Digests of the uncompressed layers, the lowest first. */
      diff_ids: Shape.withDefault(Shape.Array(DigestText), [])
    }),
    { diff_ids: [] }
  ),
  history: Shape.advice(Shape.Array(History))
})
export type ConfigJson = typeof ConfigJson.Type
