/** The tree of a bundle that root makes is umoci's; one that is killed, or has no space left, leaves nothing that counts. `TREES` says how many images. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { bigLayer, fault, image, Prng, randomImage, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { reasonOf } from "../../support/rejection.ts"
import { directoryOfTest, everythingUmociKeeps, run, unpacked } from "../support/oracle.ts"
import { differences, readTree } from "../support/tree.ts"

const main = join(import.meta.dirname, "../../../dist/cli/main.js")
const isRoot = process.getuid?.() === 0
const count = Math.min(Number(process.env["TREES"] ?? 25), 200)

test.runIf(isRoot)(
  `the trees of ${count} random images are umoci's, from a registry and from a store`,
  async () => {
    const root = await directoryOfTest()
    await using registry = await startRegistry()
    const layout = join(root, "oci")
    await using remote = await open()
    await using oci = await open({ root: join(root, "store"), keepBlobs: layout, ownership: "chown" })
    for (let seed = 0; seed < count; seed++) {
      registry.add(`random:${seed}`, await randomImage(`export ${seed}`))
      const reference = registry.reference(`random:${seed}`)
      const [fresh, stored] = [join(root, `fresh-${seed}`), join(root, `stored-${seed}`)]
      await remote.bundle(reference, fresh, { args: ["x"] })
      await oci.pull(reference)
      await oci.bundle(reference, stored, { args: ["x"], policy: "never" })
      const theirs = unpacked(layout, join(root, `umoci-${seed}`), String(seed))
      const expected = readTree(theirs)
      expect(
        differences(readTree(join(fresh, "rootfs")), expected, everythingUmociKeeps),
        `fresh, seed ${seed}`
      ).toEqual([])
      expect(
        differences(readTree(join(stored, "rootfs")), expected, everythingUmociKeeps),
        `stored, seed ${seed}`
      ).toEqual([])
      expect(readdirSync(root).filter((name) => name.startsWith(".ociflow-"))).toEqual([])
      run("rm", "-rf", fresh, stored, theirs)
    }
  },
  1_200_000
)

test.runIf(isRoot)("a full disk is told, and has nothing of the bundle", { timeout: 300_000 }, async () => {
  const root = await directoryOfTest()
  const disk = join(root, "disk")
  mkdirSync(disk)
  run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk)
  try {
    const layer = await bigLayer({ size: 32_000_000, chunk: new Prng("full").bytes(1_000_000) })
    await using registry = await startRegistry({ images: { "app:1": await image({ layers: [layer] }) } })
    await using oci = await open()
    const reference = registry.reference("app:1")
    const full = { _tag: "FileSystemFailed", code: "ENOSPC" }
    expect(await reasonOf(oci.bundle(reference, join(disk, "fresh")))).toMatchObject(full)
    await oci.pull(reference)
    expect(await reasonOf(oci.bundle(reference, join(disk, "stored")))).toMatchObject(full)
    expect(readdirSync(disk)).toEqual([])
  } finally {
    run("umount", disk)
  }
})

test("a call that is killed leaves a directory that the next one removes", { timeout: 300_000 }, async () => {
  const root = await directoryOfTest()
  const one = await image({ layers: [{ files: { a: "a" } }] })
  await using registry = await startRegistry({ images: { "app:1": one } })
  const layer = one.manifests[0]?.layers[0]?.digest ?? ""
  registry.fault({ kind: "blob", reference: layer, times: 1 }, fault.stall(0))
  const argv = [main, "bundle", registry.reference("app:1"), join(root, "app"), "--root", join(root, "store")]
  const started = (): ChildProcess => spawn(process.execPath, argv, { stdio: "ignore" })
  const killed = started()
  await expect.poll(() => registry.log.where({ kind: "blob", reference: layer }).length, { timeout: 60_000 }).toBe(1)
  killed.kill("SIGKILL")
  await once(killed, "exit")
  const left = readdirSync(root).filter((name) => name.startsWith(".ociflow-"))
  expect(left).toHaveLength(1)
  expect(readdirSync(root)).not.toContain("app")
  const [code] = await once(started(), "exit")
  expect(code).toBe(0)
  expect(readdirSync(root).toSorted()).toEqual(["app", "store"])
  expect(readdirSync(join(root, "app"))).toEqual(["config.json", "rootfs"])
  rmSync(join(root, "app"), { recursive: true })
})
