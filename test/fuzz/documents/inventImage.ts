/** An image whose documents are mutated, each after the ones below it: what names a document has its digest, if nobody changed that. */
import { createHash } from "node:crypto"
import { gzipSync } from "node:zlib"
import type { Prng } from "../../../src/testing/image/Prng.ts"
import { mediaTypes } from "../../../src/testing/image/TestImage.ts"
import { tar } from "../../../src/testing/index.ts"
import { mutateDocument } from "./mutateDocument.ts"

export interface Invented {
  /** What the tag names. */
  readonly root: string
  readonly mediaType: string
  /** Documents and layers. */
  readonly blobs: ReadonlyMap<string, Buffer>
  /** What refers to it. */
  readonly referrers: Buffer
  readonly intact: boolean
}

const digestOf = (algorithm: string, bytes: Uint8Array) =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`

const layers = ["one", "two", "three"].map((name) => {
  const archive = tar().directory("d").file(`d/${name}`, name).end().bytes()
  return { blob: gzipSync(archive), diffId: digestOf("sha256", archive), name }
})

const configOf = (diffIds: ReadonlyArray<string>, architecture: string) => ({
  created: "2024-01-02T03:04:05.678901234Z",
  author: "somebody",
  architecture,
  os: "linux",
  "os.version": "1.2",
  config: {
    User: "1000:1000",
    ExposedPorts: { "80/tcp": {} },
    Env: ["PATH=/bin", "A=b=c"],
    Entrypoint: ["/bin/sh"],
    Cmd: ["-c", "true"],
    Volumes: { "/data": {} },
    WorkingDir: "/",
    Labels: { a: "b", "org.opencontainers.image.title": "t" },
    StopSignal: "SIGTERM",
    Healthcheck: { Test: ["CMD", "true"], Interval: 1_000_000_000, Timeout: 5, StartPeriod: 0, Retries: 3 }
  },
  rootfs: { type: "layers", diff_ids: diffIds },
  history: [{ created: "2024-01-02T03:04:05Z", created_by: "x", empty_layer: true }, { comment: "c" }]
})

export const inventImage = (random: Prng): Invented => {
  const blobs = new Map<string, Buffer>()
  const types = random.chance(0.3) ? mediaTypes.docker : mediaTypes.oci
  const intact = random.chance(0.06)
  const mutating = intact ? [] : [random.below(3), random.below(3)]
  const timesOf = (level: number) => (mutating.includes(level) ? 1 + random.below(random.pick([2, 2, 6])) : 0)
  const keep = (value: unknown, level: number, mediaType: string) => {
    const bytes = mutateDocument(value, random, timesOf(level))
    const digest = digestOf(random.pick(["sha256", "sha256", "sha512"]), bytes)
    blobs.set(digest, bytes)
    return { mediaType, digest, size: bytes.length }
  }
  const manifestFor = (architecture: string) => {
    const mine = layers.slice(0, random.below(layers.length + 1))
    const config = keep(
      configOf(
        mine.map(({ diffId }) => diffId),
        architecture
      ),
      0,
      types.config
    )
    const descriptors = mine.map(({ blob, name }) => {
      const digest = digestOf("sha256", blob)
      blobs.set(digest, blob)
      return {
        mediaType: types.gzip,
        digest,
        size: blob.length,
        annotations: { "org.opencontainers.image.title": `${name}.tgz` }
      }
    })
    const manifest = {
      schemaVersion: 2,
      mediaType: types.manifest,
      config,
      layers: descriptors,
      annotations: { note: "n" }
    }
    return keep(manifest, 1, types.manifest)
  }
  const entryFor = (architecture: string) => ({
    ...manifestFor(architecture),
    platform: { os: "linux", architecture, "os.version": "1" },
    annotations: { e: "f" }
  })
  const indexOf = (manifests: ReadonlyArray<unknown>) =>
    keep({ schemaVersion: 2, mediaType: types.index, manifests, annotations: { i: "j" } }, 2, types.index)

  const shape = random.below(6)
  const root =
    shape < 2
      ? manifestFor("amd64")
      : shape < 5
        ? indexOf([entryFor("arm64"), entryFor("amd64"), entryFor("s390x")])
        : indexOf([indexOf([indexOf([entryFor("amd64")])])])
  const referrer = { ...entryFor("amd64"), artifactType: "application/x" }
  const referrers = mutateDocument(
    { schemaVersion: 2, mediaType: types.index, manifests: [referrer, { ...referrer, annotations: {} }] },
    random,
    timesOf(2)
  )
  return { referrers, root: root.digest, mediaType: root.mediaType, blobs, intact }
}
