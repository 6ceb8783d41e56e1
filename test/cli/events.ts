/** The events of pulls that did not happen, and a terminal that is not there. */
import { Writable } from "node:stream"
import { stripVTControlCharacters } from "node:util"
import type { LayerProgress, PullEvent, PulledImage, Resolved } from "../../src/api/events.ts"

export const digestOf = (n: number): string => `sha256:${n.toString(16).padStart(2, "0").repeat(32)}`

export const reference = "docker.io/library/debian:12"

export const layers = [1, 2, 3, 4, 5, 6].map((n) => ({
  digest: digestOf(n),
  diffId: digestOf(n + 16),
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  size: n * 1024 * 1024,
  path: `/store/layers/${digestOf(n)}.extracted`
}))

export const image: PulledImage = {
  reference,
  digest: digestOf(200),
  manifestDigest: digestOf(201),
  configDigest: digestOf(202),
  platform: "linux/amd64",
  size: 21 * 1024 * 1024,
  config: { env: {}, entrypoint: [], cmd: [], exposedPorts: [], volumes: [], labels: {}, history: [], diffIds: [] },
  layers
}

export const resolving: PullEvent = { _tag: "Resolving", reference }
export const resolved: Resolved = {
  _tag: "Resolved",
  reference,
  digest: image.digest,
  manifestDigest: image.manifestDigest,
  platform: image.platform,
  size: image.size,
  layers
}
export const pulled: PullEvent = { _tag: "Pulled", image, cached: false }

export const cached = (n: number): PullEvent => ({ _tag: "LayerCached", digest: digestOf(n), path: `/store/${n}` })
export const started = (n: number, offset = 0): PullEvent => ({
  _tag: "LayerStarted",
  digest: digestOf(n),
  size: n * 1024 * 1024,
  offset
})
/** `received` and `consumed` as shares of the layer. */
export const progress = (n: number, received: number, consumed: number): LayerProgress => {
  const size = n * 1024 * 1024
  return {
    _tag: "LayerProgress",
    digest: digestOf(n),
    size,
    received: Math.floor(received * size),
    consumed: Math.floor(consumed * size),
    inflated: Math.floor(consumed * size * 3),
    entries: Math.round(consumed * 100)
  }
}
export const done = (n: number): PullEvent => ({
  _tag: "LayerDone",
  digest: digestOf(n),
  diffId: digestOf(n + 16),
  path: `/store/${n}`,
  inflated: n * 3 * 1024 * 1024,
  entries: 100
})
export const retrying = (n?: number): PullEvent => ({
  _tag: "Retrying",
  ...(n === undefined ? {} : { digest: digestOf(n) }),
  attempt: 2,
  delay: 1500,
  reason: "BlobInterrupted",
  message: "download broke"
})
export const warning: PullEvent = {
  _tag: "Warning",
  code: "AttributesUnsupported",
  message: "no\u001b[2J xattrs\nhere"
}

/** All that a pull of six layers can tell. */
export const story: ReadonlyArray<PullEvent> = [
  resolving,
  retrying(),
  resolved,
  cached(1),
  { _tag: "LayerWaiting", digest: digestOf(2) },
  started(3),
  progress(3, 0.5, 0.25),
  started(4, 1024 * 1024),
  retrying(4),
  warning,
  progress(4, 1, 0.75),
  done(3),
  done(4),
  cached(2),
  started(5),
  done(5),
  started(6),
  done(6),
  pulled
]

/** A stream that keeps what was written; a terminal where it is given a size. */
export class CapturedOutput extends Writable {
  text = ""
  readonly isTTY: boolean
  readonly columns: number
  readonly rows: number
  constructor(size: { readonly columns?: number; readonly rows?: number } = {}) {
    super({ decodeStrings: false })
    this.isTTY = size.columns !== undefined
    this.columns = size.columns ?? 0
    this.rows = size.rows ?? 24
  }
  override _write(chunk: string, _: BufferEncoding, next: () => void) {
    this.text += chunk
    next()
  }
  get lines(): ReadonlyArray<string> {
    return stripVTControlCharacters(this.text).split("\n")
  }
}
