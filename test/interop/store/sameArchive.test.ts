/**
 * An image that skopeo compresses anew, from a real docker-registry: its layers are those that are there. Two processes that pull
 * it and the first at once, and one that is killed. `KILLS` (3), `SEED`.
 */
import { execFileSync } from "node:child_process"
import { existsSync, rmSync } from "node:fs"
import { basename, join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { expect, test } from "vitest"
import { image, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { randomLayer } from "../../support/randomLayer.ts"
import { startDockerRegistry } from "../support/dockerRegistry.ts"
import { countOf, integrity, leftovers, randomOf, seedOf, startPull, trees } from "../support/pulling.ts"
import { openScratch } from "../support/scratch.ts"

const kills = countOf("KILLS", 3)

test("what skopeo copies to zstd, and to a file, costs its documents", { timeout: 900_000 }, async () => {
  await using registry = await startDockerRegistry({ images: ["small", "debian"] })
  using scratch = openScratch("archives")
  const layout = join(scratch.path, "zstd")
  const archive = join(scratch.path, "small.tar")
  const reference = (name: string) => `${registry.host}/${name}`
  const skopeo = (...args: ReadonlyArray<string>) =>
    execFileSync("skopeo", ["copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", ...args])
  for (const name of ["small", "debian"]) {
    const zstd = `oci:${layout}-${name}:latest`
    skopeo("--dest-compress-format", "zstd", `docker://${reference(name)}:latest`, zstd)
    // What skopeo has seen on this machine before, it would leave out in favour of the gzip that the registry has.
    skopeo("--preserve-digests", zstd, `docker://${reference(name)}:zstd`)
  }
  skopeo(`docker://${reference("small")}:latest`, `docker-archive:${archive}:small:1`)

  await using oci = await open()
  for (const name of ["small", "debian"]) {
    const gzip = await oci.pull(`${reference(name)}:latest`)
    const before = trees(oci.root)
    const asked = registry.log().split("\n").length
    const zstd = await oci.pull(`${reference(name)}:zstd`)
    const lines = registry
      .log()
      .split("\n")
      .slice(asked - 1)
    expect(zstd.layers.map(({ digest }) => digest)).not.toEqual(gzip.layers.map(({ digest }) => digest))
    expect(zstd.layers.map(({ mediaType }) => mediaType)).toContainEqual(expect.stringMatching(/zstd$/))
    expect(zstd.layers.map(({ path }) => path)).toEqual(gzip.layers.map(({ path }) => path))
    for (const { digest } of zstd.layers) expect(lines.filter((line) => line.includes(digest))).toEqual([])
    expect(lines.filter((line) => line.includes(zstd.configDigest)).length).toBeGreaterThan(0)
    expect(trees(oci.root)).toEqual(before)
  }
  const before = trees(oci.root)
  const saved = await oci.pull(`docker-archive:${archive}`)
  expect(saved.layers.map(({ digest, diffId }) => digest === diffId)).toEqual(saved.layers.map(() => true))
  expect(trees(oci.root)).toEqual(before)
  expect(await oci.verify()).toEqual({ faults: [], repaired: [], unknown: [] })
})

const made = async () => {
  const layers = [randomLayer("base", 3_000_000), randomLayer("tools", 2_000_000), randomLayer("app", 50_000)]
  const [gzip, zstd] = await Promise.all(
    (["gzip", "zstd-raw"] as const).map((compression) => image({ layers, compression }))
  )
  if (gzip === undefined || zstd === undefined) return expect.unreachable()
  const registry = await startRegistry({ images: { "app:gzip": gzip, "app:zstd": zstd } })
  const digests = zstd.manifests[0]?.layers.map(({ digest }) => digest) ?? []
  return { registry, digests, references: ["app:gzip", "app:zstd"].map((name) => registry.reference(name)) }
}

test("two processes that pull one archive in two compressions at once each end whole", {
  timeout: 600_000
}, async () => {
  const { registry, references } = await made()
  await using _ = registry
  using scratch = openScratch("archives")
  const root = join(scratch.path, "store")
  const pulls = references.map((reference) => startPull({ root, references: [reference] }))
  expect(await Promise.all(pulls.map(({ ended }) => ended))).toEqual([0, 0])
  await using oci = await open({ root })
  const images = await Promise.all(references.map((reference) => oci.pull(reference, { policy: "never" })))
  expect(images.map(({ cached }) => cached)).toEqual([true, true])
  await oci.prune()
  for (const [at, reference] of references.entries())
    expect((await oci.pull(reference, { policy: "never" })).layers).toEqual(images[at]?.layers)
  expect(await oci.verify()).toEqual({ faults: [], repaired: [], unknown: [] })
  await oci.remove(references[0] ?? "")
  await oci.prune()
  for (const { path } of images[1]?.layers ?? []) expect(existsSync(path)).toBe(true)
  expect(await oci.pull(references[1] ?? "", { policy: "never" })).toMatchObject({ cached: true })
})

test(`${kills} kills of a pull that downloads no layer leave the trees, and the next pull ends`, {
  timeout: 900_000
}, async () => {
  const random = randomOf(seedOf("archives"))
  const { registry, digests, references } = await made()
  await using _ = registry
  const [gzip = "", zstd = ""] = references
  for (let kill = 0; kill < kills; kill++) {
    using scratch = openScratch("archives")
    const root = join(scratch.path, "store")
    expect(await startPull({ root, references: [gzip] }).ended).toBe(0)
    const before = trees(root)
    const began = performance.now()
    const pulling = startPull({ root, references: [zstd] })
    // Between the layers, which are there at once, and the rows.
    while (!pulling.said.some(({ _tag }) => _tag === "Resolved") && performance.now() - began < 60_000) await wait(1)
    await wait(random() * 60)
    pulling.process.kill("SIGKILL")
    await pulling.ended
    expect(trees(root)).toEqual(before)
    expect(await startPull({ root, references: [zstd], pruning: true }).ended).toBe(0)
    expect(trees(root)).toEqual(before)
    expect(leftovers(root)).toEqual([])
    expect(integrity(root)).toBe("ok")
    expect(digests.map((reference) => registry.log.count({ kind: "blob", reference }))).toEqual(digests.map(() => 0))
    await using oci = await open({ root })
    const { layers } = await oci.pull(zstd, { policy: "never" })
    expect(layers.map(({ path }) => basename(path))).toEqual(
      (await oci.pull(gzip, { policy: "never" })).layers.map(({ path }) => basename(path))
    )
    expect(await oci.verify()).toEqual({ faults: [], repaired: [], unknown: [] })
    await oci.close()
    rmSync(root, { recursive: true, force: true })
  }
})
