/** Codecs of images. */
import * as Schema from "effect/Schema"
import type * as events from "../api/events.ts"
import type * as results from "../api/results/ImageConfig.ts"
import type * as signatures from "../api/signatures.ts"
import { boolean, type FieldsOf, maybe, number, struct, text, textMap, texts } from "./struct.ts"

const Healthcheck = struct<results.Healthcheck>({
  test: texts,
  interval: maybe(number),
  timeout: maybe(number),
  startPeriod: maybe(number),
  startInterval: maybe(number),
  retries: maybe(number)
})

const HistoryEntry = struct<results.HistoryEntry>({
  created: maybe(text),
  createdBy: maybe(text),
  author: maybe(text),
  comment: maybe(text),
  emptyLayer: boolean
})

export const ImageConfig = struct<results.ImageConfig>({
  os: maybe(text),
  architecture: maybe(text),
  variant: maybe(text),
  osVersion: maybe(text),
  created: maybe(text),
  author: maybe(text),
  user: maybe(text),
  workingDir: maybe(text),
  env: textMap,
  entrypoint: texts,
  cmd: texts,
  exposedPorts: texts,
  volumes: texts,
  labels: textMap,
  stopSignal: maybe(text),
  healthcheck: maybe(Healthcheck),
  history: Schema.Array(HistoryEntry),
  diffIds: texts
})

export const verifiedSignature = {
  signer: text,
  kind: Schema.Literals(["simple-signing", "message-signature", "dsse", "function"]),
  digest: text,
  issuer: maybe(text),
  logIndex: maybe(number),
  integratedTime: maybe(text),
  predicateType: maybe(text),
  predicate: maybe(Schema.Unknown)
} satisfies FieldsOf<signatures.VerifiedSignature>

export const PulledLayer = struct<events.PulledLayer>({
  digest: text,
  diffId: text,
  mediaType: text,
  size: number,
  path: text
})

export const VerifiedSignature = struct<signatures.VerifiedSignature>(verifiedSignature)

const image = {
  reference: text,
  digest: text,
  manifestDigest: text,
  configDigest: text,
  platform: text,
  size: number,
  config: ImageConfig,
  layers: Schema.Array(PulledLayer),
  rootfs: maybe(text),
  erofs: maybe(text),
  verified: maybe(Schema.Array(VerifiedSignature))
}

export const PulledImage = struct<events.PulledImage>(image)
export const PullResult = struct<events.PullResult>({ ...image, cached: boolean })
