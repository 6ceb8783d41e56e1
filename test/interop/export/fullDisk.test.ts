/**
 * A full disk, for what is made of an image in one file or in a directory: the command says what is full, nothing stays, and with space
 * it succeeds.
 */
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { image, Prng, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { type Ended, ociflow } from "../support/command.ts"
import { mountDisk } from "../support/disk.ts"
import { directoryOfTest, run } from "../support/oracle.ts"
import { leftovers } from "../support/pulling.ts"
import { written } from "../support/written.ts"

const noise = new Prng("full").bytes(12_000_000)
/** As large as a file, and some kilobytes as a blob. */
const swelling = Buffer.alloc(12_000_000, "a line that is told again and again\n")

const scene = async () => {
  const home = await directoryOfTest()
  const made = await image({ layers: [{ files: { noise, small: "small" } }] })
  const registry = await startRegistry({
    images: { "noise:1": made, "swelling:1": await image({ layers: [{ files: { swelling, small: "small" } }] }) }
  })
  return {
    home,
    disk: mountDisk(join(home, "disk"), "6m"),
    noise: registry.reference("noise:1"),
    swelling: registry.reference("swelling:1"),
    [Symbol.asyncDispose]: () => registry.close()
  }
}

const saysFull = ({ code, stderr }: Ended) => {
  expect(code, stderr).toBe(1)
  expect(stderr).toContain("ociflow: FileSystemFailed: ")
  expect(stderr).toContain("ENOSPC")
  expect(stderr).toContain("The disk is full: free some space")
}

describe.runIf(process.getuid?.() === 0)("a full disk", { timeout: 600_000 }, () => {
  test.each(["tar", "erofs", "docker-archive", "oci-archive"] as const)(
    "for a file of an export: %s",
    async (format) => {
      await using it = await scene()
      const file = join(it.disk.path, "image")
      const exported = () =>
        ociflow("export", it.noise, "--format", format, "-o", file, "--root", join(it.home, "store"))
      saysFull(await exported())
      expect(readdirSync(it.disk.path)).toEqual([])
      // One that was there stays what it was.
      writeFileSync(file, "before")
      saysFull(await exported())
      expect(readdirSync(it.disk.path)).toEqual(["image"])
      expect(readFileSync(file, "utf8")).toBe("before")
      it.disk.grow("64m")
      expect(await exported()).toMatchObject({ code: 0 })
      await using oci = await open()
      execFileSync("cmp", [await written(oci, it.noise, join(it.home, "expected"), { format }), file])
      expect(readdirSync(it.disk.path)).toEqual(["image"])
    }
  )

  test.each(["tar", "erofs"] as const)("for the store that an export reads layers into: %s", async (format) => {
    await using it = await scene()
    const root = join(it.disk.path, "store")
    const file = join(it.home, "image")
    const exported = () => ociflow("export", it.noise, "--format", format, "-o", file, "--root", root)
    saysFull(await exported())
    expect(readdirSync(it.home).toSorted()).toEqual(["disk"])
    expect(leftovers(root).filter((name) => !name.startsWith("sha256:"))).toEqual([])
    it.disk.grow("64m")
    expect(await exported()).toMatchObject({ code: 0 })
    await using oci = await open()
    execFileSync("cmp", [await written(oci, it.noise, join(it.home, "expected"), { format }), file])
  })

  test.each(["noise", "swelling"] as const)("for the layout erofs: %s", async (name) => {
    await using it = await scene()
    const root = join(it.disk.path, "store")
    const pulled = () => ociflow("pull", it[name], "--layout", "erofs", "--root", root)
    saysFull(await pulled())
    expect(readdirSync(join(root, "layers")).filter((name) => name !== ".staging")).toEqual([])
    // Of what was downloaded as much is kept as there was room for.
    expect(leftovers(root).filter((name) => !name.startsWith("sha256:"))).toEqual([])
    it.disk.grow("64m")
    expect(await pulled()).toMatchObject({ code: 0 })
    await using stored = await open({ root, layout: "erofs" })
    const { erofs = "", cached } = await stored.pull(it[name], { policy: "never" })
    expect(cached).toBe(true)
    await using oci = await open()
    execFileSync("cmp", [await written(oci, it[name], join(it.home, "expected"), { format: "erofs" }), erofs])
    run("fsck.erofs", erofs)
    expect((await stored.verify()).faults).toEqual([])
  })

  test.each(["noise", "swelling"] as const)("for a bundle: %s", async (name) => {
    await using it = await scene()
    const at = join(it.disk.path, "bundle")
    const bundled = () => ociflow("bundle", it[name], at, "--root", join(it.home, "store"), "--", "/small")
    saysFull(await bundled())
    expect(readdirSync(it.disk.path)).toEqual([])
    it.disk.grow("64m")
    expect(await bundled()).toMatchObject({ code: 0 })
    expect(readdirSync(it.disk.path)).toEqual(["bundle"])
    const wanted = name === "noise" ? noise : swelling
    expect(readFileSync(join(at, "rootfs", name)).equals(wanted)).toBe(true)
  })
})
