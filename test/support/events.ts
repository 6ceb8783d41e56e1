/** One of each event, made from fields as they occur. */
import type { PullEvent, PulledImage } from "../../src/api/events.ts"

const digest = `sha256:${"a".repeat(64)}`
const layer = { digest, diffId: digest, mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", size: 7, path: "/x" }
export const image: PulledImage = {
  reference: "r.test/app:1",
  digest,
  manifestDigest: digest,
  configDigest: digest,
  platform: "linux/amd64",
  size: 7,
  config: { env: {}, entrypoint: [], cmd: [], exposedPorts: [], volumes: [], labels: {}, history: [], diffIds: [] },
  layers: [layer]
}

/** One of each; a new event does not compile before it is here. */
const events: { readonly [Tag in PullEvent["_tag"]]: Omit<Extract<PullEvent, { _tag: Tag }>, "_tag"> } = {
  Resolving: { reference: "r.test/app:1" },
  Resolved: {
    reference: "r.test/app:1",
    digest,
    manifestDigest: digest,
    platform: "linux/amd64",
    size: 7,
    layers: [{ digest, diffId: digest, size: 7, kept: 3 }]
  },
  Verified: {
    signer: "a@r.test",
    kind: "dsse",
    digest,
    issuer: "https://i.test",
    logIndex: 7,
    integratedTime: "2026-01-01T00:00:00.000Z",
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: { builder: "r.test" }
  },
  LayerCached: { digest, path: "/x" },
  LayerWaiting: { digest },
  LayerStarted: { digest, size: 7, offset: 0, shared: true },
  LayerProgress: { digest, size: 7, received: 5, consumed: 4, inflated: 9, entries: 1, shared: true },
  Retrying: { digest, attempt: 1, delay: 5, reason: "RateLimited", message: "429" },
  LayerDone: { digest, diffId: digest, path: "/x", inflated: 9, entries: 1 },
  Warning: { code: "LittleSpace", message: "little space", digest },
  Quota: { registry: "r.test", limit: 100, remaining: 99, window: 60_000 },
  Pulled: { image, cached: false }
}

export const eventSamples: ReadonlyArray<readonly [tag: string, event: object]> = Object.entries(events).map(
  ([_tag, fields]) => [_tag, { _tag, ...fields }]
)
