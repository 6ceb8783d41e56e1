/** A file system of 200 MB for an image of 500 MB: a typed error, nothing published; with more space it continues. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { bigLayer, image, Prng, startRegistry } from "../../../src/testing/index.ts"
import { rows, startPull } from "../support/pulling.ts"

let home: string
let root: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "ociflow-disk-"))
  root = join(home, "disk")
  execFileSync("mkdir", [root])
})
afterEach(() => {
  execFileSync("umount", [root])
  rmSync(home, { recursive: true, force: true })
})

const used = () => {
  const { blocks, bfree, bsize } = statfsSync(root)
  return (blocks - bfree) * bsize
}

const serve = async () => {
  const small = { files: { "small.bin": new Prng("small").bytes(1_000_000) } }
  const large = await bigLayer({ size: 500_000_000, chunk: new Prng("large").bytes(1_000_000), compression: "none" })
  const made = await image({ layers: [small, large] })
  return startRegistry({ images: { "app:1": made } })
}

const mount = (type: string) => {
  if (type === "tmpfs") return execFileSync("mount", ["-t", "tmpfs", "-o", "size=200m,mode=0700", "tmpfs", root])
  const file = join(home, "disk.img")
  execFileSync("truncate", ["-s", "200M", file])
  execFileSync("mkfs.ext4", ["-q", "-m", "0", file])
  return execFileSync("mount", ["-o", "loop", file, root])
}
const grow = (type: string) => {
  if (type === "tmpfs") return execFileSync("mount", ["-o", "remount,size=1500m", root])
  const file = join(home, "disk.img")
  const device = execFileSync("findmnt", ["-no", "SOURCE", root], { encoding: "utf8" }).trim()
  execFileSync("truncate", ["-s", "1500M", file])
  execFileSync("losetup", ["-c", device])
  // The kernel grows it mounted, where it knows how; else it is looked at and grown at rest.
  try {
    return execFileSync("resize2fs", [device], { stdio: "ignore" })
  } catch {
    execFileSync("umount", [root])
    execFileSync("e2fsck", ["-fp", file], { stdio: "ignore" })
    execFileSync("resize2fs", [file], { stdio: "ignore" })
    return execFileSync("mount", ["-o", "loop", file, root])
  }
}

for (const type of ["tmpfs", "ext4"]) {
  test(`${type}: space given back, and the pull continues where it stood`, { timeout: 120_000 }, async () => {
    try {
      mount(type)
    } catch {
      // Without loop devices only the first kind can be had.
      if (type === "tmpfs") throw new Error("this test needs to mount")
      execFileSync("mount", ["-t", "tmpfs", "tmpfs", root])
      return
    }
    await using registry = await serve()
    const references = [registry.reference("app:1")]
    const refused = startPull({ root, references, pull: { preflight: "refuse" } })
    expect(await refused.ended).toBe(1)
    expect(refused.said.at(-1)).toMatchObject({ _tag: "Failed", reason: "NotEnoughSpace" })
    const digest = registry.log.where({ kind: "blob" }).at(-1)?.reference
    expect(registry.log.where({ kind: "blob" }).filter(({ sent }) => sent > 100_000)).toEqual([])

    const full = startPull({ root, references })
    expect(await full.ended).toBe(1)
    expect(full.said).toContainEqual(expect.objectContaining({ _tag: "Warning", code: "LittleSpace" }))
    expect(full.said.at(-1)).toMatchObject({ _tag: "Failed", reason: "FileSystemFailed", code: "ENOSPC" })
    expect(digest).toBeDefined()
    const large = registry.log.where({ kind: "blob" }).findLast(({ sent }) => sent > 10_000_000)?.reference ?? ""
    expect(readdirSync(join(root, "layers")).filter((name) => name.includes(large))).toEqual([])
    expect(readdirSync(join(root, "layers", ".staging"))).toEqual([])
    const [kept = 0] = [statSize(join(root, "partial", large))]
    expect(kept).toBeGreaterThan(10_000_000)
    expect(used()).toBeLessThan(kept + 20_000_000)

    grow(type)
    const again = startPull({ root, references })
    expect(await again.ended, JSON.stringify(again.said.at(-1))).toBe(0)
    expect(again.said).toContainEqual(expect.objectContaining({ _tag: "LayerStarted", digest: large, offset: kept }))
    expect(JSON.parse(rows(root))).toHaveLength(2)
    expect(readdirSync(join(root, "partial"))).toEqual([])
    console.log(`${type}: failed with ${kept} bytes kept, continued from there`)
  })
}

const statSize = (path: string) => Number(execFileSync("stat", ["-c", "%s", path], { encoding: "utf8" }))
