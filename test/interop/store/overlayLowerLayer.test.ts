/**
 * A store that lies in a lower layer of overlayfs, as one that was baked into a container image does: the kernel refuses
 * to rename its directories (EXDEV). And a tree that something is mounted on (EBUSY).
 */
import { execFileSync } from "node:child_process"
import { appendFileSync, cpSync, mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { image, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { openScratch } from "../support/scratch.ts"

const mount = (...args: ReadonlyArray<string>) => execFileSync("mount", args)

const images = async () => ({
  "a:1": await image({ layers: [{ files: { base: "1" } }, { files: { "etc/a": "1", "usr/b": "2" } }] }),
  "b:1": await image({ layers: [{ files: { base: "1" } }, { files: { b: "1" } }] })
})

/** Runs with a root whose files all are in the lower layer. */
const baked = async (
  use: (root: string, reference: (name: string) => string, stop: () => Promise<void>) => Promise<void>
) => {
  await using registry = await startRegistry({ images: await images() })
  using scratch = openScratch("lower")
  const at = (name: string) => join(scratch.path, name)
  {
    await using client = await open({ root: at("lower") })
    for (const name of ["a:1", "b:1"]) await client.pull(registry.reference(name))
  }
  for (const name of ["upper", "work", "root"]) mkdirSync(at(name))
  mount(
    "-t",
    "overlay",
    "overlay",
    "-o",
    `lowerdir=${at("lower")},upperdir=${at("upper")},workdir=${at("work")}`,
    at("root")
  )
  try {
    await use(at("root"), registry.reference, registry.close)
  } finally {
    execFileSync("umount", [at("root")])
  }
}
const standing = (root: string) =>
  readdirSync(join(root, "layers"))
    .filter((name) => name !== ".staging")
    .sort()

describe("a store in a lower layer", () => {
  test("loses an image, and gets it again", async () => {
    await baked(async (root, reference) => {
      await using client = await open({ root })
      const { layers } = await client.pull(reference("a:1"))
      const own = layers[1]?.digest
      expect(await client.remove(reference("a:1"))).toMatchObject({
        layers: [{ digest: own }],
        failed: [],
        deferred: false
      })
      expect(standing(root)).toHaveLength(2)
      await client.pull(reference("a:1"))
      expect(await client.verify()).toEqual({ faults: [], repaired: [], unknown: [] })
      expect(await client.prune()).toMatchObject({ layers: [], failed: [] })
      expect(standing(root)).toHaveLength(3)
    })
  })

  test("is repaired; a repair that fails leaves the changed tree", async () => {
    await baked(async (root, reference, stop) => {
      await using client = await open({ root })
      for (const name of ["a:1", "b:1"]) {
        const { layers } = await client.pull(reference(name))
        const path = layers[1]?.path ?? ""
        appendFileSync(join(path, name === "a:1" ? "etc/a" : "b"), "changed")
        if (name === "b:1") await stop()
        const { faults, repaired } = await client.verify({ repair: true })
        expect([faults.length, repaired.length]).toEqual(name === "a:1" ? [0, 1] : [1, 0])
        expect(standing(root)).toHaveLength(3)
      }
    })
  })

  test("is pruned of what no image needs; a tree that is mounted on keeps no other", async () => {
    await baked(async (root, reference) => {
      await using client = await open({ root })
      const { layers } = await client.pull(reference("a:1"))
      const paths = layers.map(({ path }) => path.replace(/extracted$/, "none.extracted"))
      for (const [at, { path }] of layers.entries()) cpSync(path, paths[at] ?? "", { recursive: true })
      const [busy = "", free = ""] = paths
      mount("--bind", free, busy)
      const mounted = await client.prune().finally(() => execFileSync("umount", [busy]))
      expect(mounted).toMatchObject({
        layers: [{ digest: layers[1]?.digest }],
        failed: [{ path: busy, code: "EBUSY" }]
      })
      expect(await client.prune()).toMatchObject({ layers: [{ digest: layers[0]?.digest }], failed: [] })
      expect(standing(root)).toHaveLength(3)
      expect(await client.verify()).toEqual({ faults: [], repaired: [], unknown: [] })
    })
  })
})
