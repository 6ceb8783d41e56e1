/**
 * What other programs make of one file of an image. `TREES` says how many random images.
 *
 *     a tar       GNU tar, as root: the tree that umoci unpacks
 *     erofs       the kernel: the same tree
 *     archives    podman, skopeo, and ours again: the same image
 */
import { execFileSync } from "node:child_process"
import { createWriteStream, mkdirSync } from "node:fs"
import { join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { expect, test } from "vitest"
import type { ExportOptions } from "../../../src/api/config.ts"
import type { Client } from "../../../src/client.ts"
import type { References } from "../../../src/export/ExportFunction.ts"
import { randomImage, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { directoryOfTest, everythingUmociKeeps, run, unpacked, untarred } from "../support/oracle.ts"
import { differences, type Node, readTree } from "../support/tree.ts"

const count = Math.min(Number(process.env["TREES"] ?? 200), 200)

const written = async (oci: Client, reference: References, path: string, options?: ExportOptions): Promise<string> => {
  await pipeline(Readable.from(oci.export(reference, options)), createWriteStream(path))
  return path
}

/** What the kernel shows of a disk image. */
const mountedAt = (image: string, directory: string): Map<string, Node> => {
  mkdirSync(directory)
  run("mount", "-t", "erofs", "-o", "loop,ro", image, directory)
  try {
    return readTree(directory)
  } finally {
    run("umount", directory)
  }
}

test.runIf(process.getuid?.() === 0)(
  `the tar and the disk image of ${count} random images are the tree that umoci unpacks`,
  async () => {
    const root = await directoryOfTest()
    await using registry = await startRegistry()
    const layout = join(root, "oci")
    await using oci = await open({ root: join(root, "store"), keepBlobs: layout })
    await using remote = await open()
    await using stored = await open({ layout: "erofs" })
    for (let seed = 0; seed < count; seed++) {
      registry.add(`random:${seed}`, await randomImage(`export ${seed}`))
      const reference = registry.reference(`random:${seed}`)
      await oci.pull(reference)
      const tar = await written(remote, reference, join(root, "image.tar"))
      const ours = untarred(tar, "application/vnd.oci.image.layer.v1.tar", join(root, `tar-${seed}`))
      const theirs = unpacked(layout, join(root, `umoci-${seed}`), String(seed))
      const expected = readTree(theirs)
      expect(differences(readTree(ours), expected, everythingUmociKeeps), `tar, seed ${seed}`).toEqual([])
      const disk = await written(remote, reference, join(root, "image.erofs"), { format: "erofs" })
      const mounted = mountedAt(disk, join(root, `mount-${seed}`))
      expect(differences(mounted, expected, everythingUmociKeeps), `erofs, seed ${seed}`).toEqual([])
      // So is what is true of the mount true of the disk image that a pull makes.
      const { erofs = "" } = await stored.pull(reference)
      execFileSync("cmp", [disk, erofs])
      run("fsck.erofs", erofs)
      run("rm", "-rf", ours, theirs, tar, disk)
    }
  },
  1_200_000
)

test("podman loads an archive of two images, and saves the image that it loaded", async () => {
  const root = await directoryOfTest()
  await using registry = await startRegistry()
  for (const name of ["one", "two"]) registry.add(`app/${name}:1`, await randomImage(`archive ${name}`))
  const references = ["one", "two"].map((name) => registry.reference(`app/${name}:1`))
  await using oci = await open({ root: join(root, "store") })
  const storage = ["--root", join(root, "podman"), "--runroot", join(root, "run"), "--storage-driver", "vfs"]
  mkdirSync(join(root, "run"))
  const archive = await written(oci, references, join(root, "both.tar"), { format: "docker-archive" })
  run("podman", ...storage, "load", "-i", archive)
  const listed = run("podman", ...storage, "images", "--format", "{{.Repository}}:{{.Tag}}")
    .trim()
    .split("\n")
  expect(listed.toSorted()).toEqual(references.toSorted())
  for (const reference of references) {
    const saved = join(root, "saved.tar")
    run("podman", ...storage, "save", "-o", saved, reference)
    const before = await written(oci, reference, join(root, "before.tar"))
    const after = await written(oci, `docker-archive:${saved}`, join(root, "after.tar"))
    // The layers were packed anew; the tree is the same to the byte.
    execFileSync("cmp", [before, after])
    run("rm", saved)
  }
}, 300_000)

test("skopeo reads an oci-archive, and each image in it by its tag", async () => {
  const root = await directoryOfTest()
  await using registry = await startRegistry()
  registry.add("app:1", await randomImage("oci 1"))
  registry.add("app:2", await randomImage("oci 2"))
  await using oci = await open({ root: join(root, "store") })
  const references = ["1", "2"].map((tag) => registry.reference(`app:${tag}`))
  const archive = await written(oci, references, join(root, "both.tar"), { format: "oci-archive" })
  for (const [at, reference] of references.entries()) {
    const { Digest } = JSON.parse(run("skopeo", "inspect", `oci-archive:${archive}:${at + 1}`)) as { Digest: string }
    expect(Digest).toBe((await oci.pull(reference)).manifestDigest)
  }
})
