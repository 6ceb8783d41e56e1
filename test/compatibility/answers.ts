/** An image of one small layer, and how a registry answers for it: each part of it can be made odd. */
import { gzipSync } from "node:zlib"
import { collect, mediaTypes, tar } from "../../src/testing/index.ts"
import { descriptor, digestOf, type Part, part } from "../registry/images.ts"
import type { Handler } from "../registry/server.ts"

export type Dialect = keyof typeof mediaTypes

export const archive = Buffer.from(await collect(tar().file("hello", Buffer.from("hello\n")).ended().content()))
export const layer = (dialect: Dialect): Part => part(mediaTypes[dialect].gzip, gzipSync(archive))

export const configDocument = {
  os: "linux",
  architecture: "amd64",
  config: {},
  rootfs: { type: "layers", diff_ids: [digestOf(archive)] },
  history: [{ created_by: "hello" }]
}

export interface Answers {
  /** What the tag `1` names. */
  readonly root: Part
  readonly parts: ReadonlyArray<Part>
  /** Of the answers for manifests. Default 200. */
  readonly status?: number
}

/** Without what is `undefined`, as JSON has it. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

export interface Oddities {
  readonly config?: unknown
  /** Of the manifest's keys. */
  readonly manifest?: Readonly<Record<string, unknown>>
  /** Of the config's descriptor. */
  readonly configEntry?: Readonly<Record<string, unknown>>
  readonly layers?: ReadonlyArray<Readonly<Record<string, unknown>>> | null
  /** Of the bytes, after all. */
  readonly written?: (text: string) => Buffer | string
}

export const manifestOf = (dialect: Dialect, odd: Oddities = {}): Answers => {
  const [types, blob] = [mediaTypes[dialect], layer(dialect)]
  const config = part(types.config, odd.config === undefined ? configDocument : odd.config)
  const document = plain({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { ...descriptor(config), ...odd.configEntry },
    layers: odd.layers === undefined ? [descriptor(blob)] : odd.layers,
    ...odd.manifest
  })
  const text = JSON.stringify(document)
  const root = part(types.manifest, Buffer.from(odd.written?.(text) ?? text))
  return { root, parts: [root, config, blob] }
}

export const indexOf = (
  dialect: Dialect,
  entriesOf: (entry: ReturnType<typeof descriptor> & { readonly platform: object }) => ReadonlyArray<unknown>,
  more: Readonly<Record<string, unknown>> = {}
): Answers => {
  const { root: manifest, parts } = manifestOf(dialect)
  const platform = { os: "linux", architecture: "amd64" }
  const entries = entriesOf({ ...descriptor(manifest), platform })
  const mediaType = mediaTypes[dialect].index
  const root = part(mediaType, plain({ schemaVersion: 2, mediaType, manifests: entries, ...more }))
  return { root, parts: [root, ...parts] }
}

/** Any repository; any tag. */
export const answering =
  ({ root, parts, status = 200 }: Answers): Handler =>
  (request, response) => {
    const [, kind, name = ""] = /^\/v2\/.+\/(manifests|blobs)\/([^?]+)/.exec(request.url ?? "") ?? []
    if (kind === undefined) return void response.writeHead(200).end("{}")
    const found = parts.find(({ digest }) => digest === name) ?? (kind === "manifests" ? root : undefined)
    if (found === undefined) return void response.writeHead(404).end("{}")
    const isDocument = kind === "manifests"
    response.writeHead(isDocument ? status : 200, {
      "content-type": isDocument ? found.mediaType : "application/octet-stream",
      "content-length": found.size,
      ...(isDocument ? { "docker-content-digest": found.digest } : {})
    })
    response.end(request.method === "HEAD" ? undefined : found.bytes)
  }
