/**
 * Two processes at once: what both make is there and whole, or one of them is told why not; nothing else stays. `ROUNDS` (3).
 */
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { image, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { randomLayer } from "../../support/randomLayer.ts"
import { ociflow } from "../support/command.ts"
import { directoryOfTest, run } from "../support/oracle.ts"
import { countOf, integrity, leftovers } from "../support/pulling.ts"
import { differences, readTree } from "../support/tree.ts"
import { written } from "../support/written.ts"

const rounds = countOf("ROUNDS", 3)

const scene = async () => {
  const home = await directoryOfTest()
  const made = await image({ layers: [randomLayer("base", 4_000_000), randomLayer("top", 2_000_000)] })
  const registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  const expected = await written(oci, registry.reference("app:1"), join(home, "expected.erofs"), { format: "erofs" })
  registry.log.clear()
  return {
    home,
    store: join(home, "store"),
    registry,
    reference: registry.reference("app:1"),
    digests: made.manifests[0]?.layers.map(({ digest }) => digest) ?? [],
    expected,
    [Symbol.asyncDispose]: () => registry.close()
  }
}
type Scene = Awaited<ReturnType<typeof scene>>

const pulled = ({ reference, store }: Scene) => ociflow("pull", reference, "--layout", "erofs", "--root", store)

/** The image of a store is the one that an export makes, and the store is sound. */
const holds = async ({ reference, store, expected }: Scene) => {
  await using oci = await open({ root: store, layout: "erofs" })
  const { erofs = "" } = await oci.pull(reference, { policy: "never" })
  execFileSync("cmp", [expected, erofs])
  expect((await oci.verify()).faults).toEqual([])
  expect(readdirSync(join(store, "layers")).filter((name) => name !== ".staging")).toHaveLength(1)
  expect(integrity(store)).toBe("ok")
}

const nothingLeft = ({ store }: Scene) => {
  expect(leftovers(store)).toEqual([])
  expect(readdirSync(join(store, "locks"))).toEqual([])
}

describe("two processes at once", { timeout: 1_200_000 }, () => {
  test("that pull one image in the layout erofs make one disk image of one download", async () => {
    await using it = await scene()
    for (let round = 0; round < rounds; round++) {
      it.registry.log.clear()
      for (const { code, stderr } of await Promise.all([pulled(it), pulled(it)])) expect(code, stderr).toBe(0)
      for (const reference of it.digests) expect(it.registry.log.where({ kind: "blob", reference })).toHaveLength(1)
      await holds(it)
      // Names of locks that two waited for stay until then.
      expect(await ociflow("prune", "--root", it.store)).toMatchObject({ code: 0 })
      nothingLeft(it)
      await holds(it)
      rmSync(it.store, { recursive: true })
    }
  })

  test("of which one pulls in the layout erofs and one prunes", async () => {
    await using it = await scene()
    for (let round = 0; round < rounds; round++) {
      const prune = async () => {
        let ended = await ociflow("prune", "--root", it.store)
        for (let more = 0; more < 2 && ended.code === 0; more++) ended = await ociflow("prune", "--root", it.store)
        return ended
      }
      for (const { code, stderr } of await Promise.all([pulled(it), prune()])) expect(code, stderr).toBe(0)
      await holds(it)
      expect(await ociflow("rm", it.reference, "--root", it.store)).toMatchObject({ code: 0 })
      expect(await ociflow("prune", "--root", it.store)).toMatchObject({ code: 0 })
      expect(readdirSync(join(it.store, "layers")).filter((name) => name !== ".staging")).toEqual([])
      nothingLeft(it)
    }
  })

  test("that make a bundle in one directory: one makes it, the other is told that it is there", async () => {
    await using it = await scene()
    const alone = join(it.home, "alone")
    const bundled = (at: string, store = it.store) =>
      ociflow("bundle", it.reference, at, "--root", store, "--", "/program")
    expect(await bundled(alone)).toMatchObject({ code: 0 })
    for (const [name, stores] of [
      ["of one store", [it.store, it.store]],
      ["of two stores", [it.store, `${it.store}-2`]]
    ] as const) {
      const at = join(it.home, name)
      const ended = await Promise.all(stores.map((store) => bundled(at, store)))
      expect(ended.map(({ code }) => code).toSorted(), JSON.stringify(ended)).toEqual([0, 2])
      expect(ended.find(({ code }) => code !== 0)?.stderr).toContain("must not exist, or be an empty directory")
      expect(
        differences(readTree(at), readTree(alone), ({ mtime: _, ...node }, path) => (path === "." ? "" : node))
      ).toEqual([])
      expect(readFileSync(join(at, "config.json"), "utf8")).toBe(readFileSync(join(alone, "config.json"), "utf8"))
      expect(readdirSync(it.home).filter((name) => name.startsWith(".ociflow-"))).toEqual([])
      run("rm", "-rf", at)
    }
  })

  test.each(["tar", "erofs", "docker-archive"] as const)("that export into one file: %s", async (format) => {
    await using it = await scene()
    await using oci = await open()
    const expected = await written(oci, it.reference, join(it.home, "expected"), { format })
    const directory = join(it.home, "into")
    run("mkdir", directory)
    const file = join(directory, "image")
    const exported = () => ociflow("export", it.reference, "--format", format, "-o", file, "--root", it.store)
    for (const { code, stderr } of await Promise.all([exported(), exported()])) expect(code, stderr).toBe(0)
    execFileSync("cmp", [expected, file])
    expect(readdirSync(directory)).toEqual(["image"])
  })
})
