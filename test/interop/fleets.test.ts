/** Many machines and one download: Debian's docker-registry as a pull-through cache before a registry that counts. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { fault, image, Prng, startRegistry, type TestImage, type TestRegistry } from "../../src/testing/index.ts"
import { type DockerRegistry, startDockerRegistry } from "./support/dockerRegistry.ts"
import { integrity, startPull } from "./support/pulling.ts"

let home: string
let made: TestImage

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-fleet-"))
  // Bodies that do not compress, so that a blob takes its time.
  const layers = ["a", "b", "c"].map((seed) => ({ files: { [`srv/${seed}`]: new Prng(seed).bytes(600_000) } }))
  made = await image({ layers })
})

afterAll(() => rm(home, { recursive: true }))

const blobs = () =>
  made.manifests.flatMap(({ config, layers }) => [config.digest, ...layers.map(({ digest }) => digest)])
const layers = () => made.manifests.flatMap(({ layers }) => layers.map(({ digest }) => digest))

const startCache = (origin: TestRegistry, storage: string, port?: number) =>
  startDockerRegistry({
    storage,
    config: { proxy: { remoteurl: origin.origin } },
    ...(port === undefined ? {} : { port })
  })

const dataOf = (storage: string, digest: string) => {
  const hex = digest.slice("sha256:".length)
  return join(storage, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data")
}

/** The cache answers before it has kept what it answers with. */
const isKept = async (storage: string) => {
  for (const digest of blobs()) while (!(await stat(dataOf(storage, digest)).catch(() => undefined))) await wait(20)
}

interface Fleet {
  readonly origin: TestRegistry
  readonly storage: string
  readonly cache: { current: DockerRegistry }
}

const machine = ({ origin, cache }: Fleet, name: string) =>
  startPull({
    root: join(home, name),
    references: [origin.reference("app:1")],
    options: { hosts: { [origin.host]: { mirrors: [`http://${cache.current.host}`] } }, retry: { base: 50 } }
  })

/** The machines' names, once each has all of the image. */
const eight = async (fleet: Fleet, name: string, meanwhile = async () => {}) => {
  const machines = Array.from({ length: 8 }, (_, at) => machine(fleet, `${name}-${at}`))
  await meanwhile()
  expect(await Promise.all(machines.map(({ ended }) => ended))).toEqual(machines.map(() => 0))
  machines.forEach(({ said }, at) => {
    expect(said.at(-1)).toMatchObject({ _tag: "Pulled", image: { digest: made.digest } })
    expect(integrity(join(home, `${name}-${at}`))).toBe("ok")
  })
  return machines
}

const withFleet = async (name: string, use: (fleet: Fleet) => Promise<void>) => {
  await using origin = await startRegistry({ images: { "app:1": made } })
  const storage = join(home, `cache-${name}`)
  const cache = { current: await startCache(origin, storage) }
  try {
    await use({ origin, storage, cache })
  } finally {
    await cache.current[Symbol.asyncDispose]()
  }
}

const asked = (origin: TestRegistry) =>
  blobs().map((digest) => origin.log.count({ kind: "blob", method: "GET", reference: digest }))

describe("eight machines behind a pull-through cache", () => {
  it("ask the registry for nothing that the first of them had asked for", () =>
    withFleet("once", async (fleet) => {
      expect(await machine(fleet, "once-first").ended).toBe(0)
      await isKept(fleet.storage)
      const first = asked(fleet.origin)
      // This cache asks twice for a blob that it does not have: once for who asks, once for itself.
      for (const times of first) expect(times).toBeLessThanOrEqual(2)
      await eight(fleet, "once")
      expect(asked(fleet.origin)).toEqual(first)
    }))

  it("go on where they are, when the cache is restarted in the middle", () =>
    withFleet("restarted", async (fleet) => {
      fleet.origin.fault({ kind: "blob" }, fault.slow({ bytesPerSecond: 200_000 }))
      const [first = ""] = layers()
      const machines = await eight(fleet, "restarted", async () => {
        await fleet.origin.log.until((log) =>
          log.where({ kind: "blob", reference: first }).some(({ sent }) => sent > 50_000)
        )
        await fleet.cache.current[Symbol.asyncDispose]()
        fleet.cache.current = await startCache(fleet.origin, fleet.storage, fleet.cache.current.port)
      })
      // They noticed: the registry itself had to help.
      expect(machines.some(({ said }) => said.some(({ _tag }) => _tag === "Warning" || _tag === "Retrying"))).toBe(true)
    }))

  it("have what the manifest says, when the cache serves other bytes", () =>
    withFleet("lying", async (fleet) => {
      expect(await machine(fleet, "lying-first").ended).toBe(0)
      await isKept(fleet.storage)
      for (const digest of layers()) {
        const file = dataOf(fleet.storage, digest)
        const data = await readFile(file)
        data[data.length >> 1] = (data[data.length >> 1] ?? 0) ^ 1
        await writeFile(file, data)
      }
      const machines = await eight(fleet, "lying")
      for (const { said } of machines) {
        expect(said).toContainEqual(expect.objectContaining({ _tag: "Warning", code: "MirrorFailed" }))
      }
    }))
})
