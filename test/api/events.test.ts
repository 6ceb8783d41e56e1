import { inspect } from "node:util"
import { deserialize, serialize } from "node:v8"
import { expect, test } from "vitest"
import type { PullEvent } from "../../src/api/events.ts"

const digest = `sha256:${"a".repeat(64)}`
const layer = { digest, diffId: digest, mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", size: 7, path: "/x" }
const image = {
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
    layers: [{ digest, diffId: digest, size: 7 }]
  },
  LayerCached: { digest, path: "/x" },
  LayerWaiting: { digest },
  LayerStarted: { digest, size: 7, offset: 0 },
  LayerProgress: { digest, size: 7, received: 5, consumed: 4, inflated: 9, entries: 1 },
  Retrying: { digest, attempt: 1, delay: 5, reason: "RateLimited", message: "429" },
  LayerDone: { digest, diffId: digest, path: "/x", inflated: 9, entries: 1 },
  Warning: { code: "LittleSpace", message: "little space", digest },
  Quota: { registry: "r.test", limit: 100, remaining: 99, window: 60_000 },
  Pulled: { image, cached: false }
}

test.each(Object.entries(events))("%s is a plain value: JSON, a clone and inspect show all of it", (_tag, fields) => {
  const event = { _tag, ...fields }
  expect(JSON.parse(JSON.stringify(event))).toEqual(event)
  expect(structuredClone(event)).toEqual(event)
  expect(deserialize(serialize(event))).toEqual(event)
  const shown = inspect(event, { depth: 5 })
  for (const key of Object.keys(event)) expect(shown).toContain(`${key}:`)
})
