/** An image whose documents say what a case wants them to say, served as a case wants it served. */
import { createHash } from "node:crypto"
import { mediaTypes } from "../../src/testing/index.ts"
import type { Served } from "./HostileCase.ts"
import { type RawAnswer, startRawServer } from "./RawServer.ts"

const { manifest: manifestType, config: configType, none: layerType } = mediaTypes.oci

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

const described = (mediaType: string, bytes: Uint8Array) => ({ mediaType, digest: digestOf(bytes), size: bytes.length })

export interface RawImage {
  /** Uncompressed archives, the lowest first. */
  readonly layers?: ReadonlyArray<Uint8Array>
  /** What the manifest says of its layers; default: the truth. */
  readonly descriptors?: (layers: ReadonlyArray<object>) => ReadonlyArray<object>
  readonly diffIds?: ReadonlyArray<string>
  /** Added to the documents. */
  readonly manifest?: object
  readonly config?: object
  /** How each is sent. */
  readonly send?: Partial<Record<"manifest" | "config" | "layer", Omit<RawAnswer, "body">>>
}

/** Answers by the path below the repository. */
export const answersOf = ({
  layers = [],
  descriptors = (all) => all,
  diffIds = layers.map(digestOf),
  manifest = {},
  config = {},
  send = {}
}: RawImage): ReadonlyMap<string, RawAnswer> => {
  const configBytes = Buffer.from(JSON.stringify({ rootfs: { type: "layers", diff_ids: diffIds }, ...config }))
  const manifestBytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: described(configType, configBytes),
      layers: descriptors(layers.map((layer) => described(layerType, layer))),
      ...manifest
    })
  )
  const served: RawAnswer = { type: manifestType, ...send.manifest, body: manifestBytes }
  return new Map<string, RawAnswer>([
    ["manifests/1", served],
    [`manifests/${digestOf(manifestBytes)}`, served],
    [`blobs/${digestOf(configBytes)}`, { ...send.config, body: configBytes }],
    ...layers.map((layer) => [`blobs/${digestOf(layer)}`, { ...send.layer, body: layer }] as const)
  ])
}

/** Serves them as `app:1`, which is asked for `times` times, each time by another repository. */
export const serveAnswers = async (answers: ReadonlyMap<string, RawAnswer>, times = 1): Promise<Served> => {
  const server = await startRawServer((path) => answers.get(/^\/v2\/app\d+\/(.+)$/.exec(path)?.[1] ?? ""))
  return {
    references: Array.from({ length: times }, (_, at) => `${server.host}/app${at}:1`),
    [Symbol.asyncDispose]: server[Symbol.asyncDispose]
  }
}
