/** Archives of images: podman, skopeo, and ours again read the same image. */
import { execFileSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { lowerdir } from "../../../src/index.ts"
import { image, randomImage, startRegistry, tar } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { seenAt } from "../support/fourWays.ts"
import { directoryOfTest, run, unpacked, untarred } from "../support/oracle.ts"
import { type Node, readTree } from "../support/tree.ts"
import { written } from "../support/written.ts"

test.runIf(process.getuid?.() === 0)(
  "the root's own entry is what umoci and the kernel's overlay show",
  async () => {
    const root = await directoryOfTest()
    const layout = join(root, "oci")
    const own = { mode: 0o1751, uid: 7, gid: 8, mtime: 1_700_000_000, xattrs: { "user.of": "root" } }
    const made = await image({
      layers: [tar().directory("./", { mode: 0o700 }).file("a", "a"), tar().file("b", "b").directory("./", own)]
    })
    await using registry = await startRegistry({ images: { "root:1": made } })
    const reference = registry.reference("root:1")
    await using oci = await open({
      root: join(root, "store"),
      keepBlobs: layout,
      layout: "overlay",
      ownership: "chown"
    })
    const pulled = await oci.pull(reference)
    const rootOf = (tree: Map<string, Node>) => {
      const { mode, uid, gid, mtime, xattrs } = tree.get(".") ?? {}
      return { mode, uid, gid, mtime, xattrs: { "user.of": xattrs?.["user.of"] } }
    }
    const expected = {
      mode: 0o041751,
      uid: 7,
      gid: 8,
      mtime: 1_700_000_000_000_000_000n,
      xattrs: { "user.of": "root" }
    }
    expect(rootOf(readTree(unpacked(layout, join(root, "umoci"), "1")))).toEqual(expected)
    await using remote = await open()
    const archive = await written(remote, reference, join(root, "image.tar"))
    expect(rootOf(readTree(untarred(archive, "application/vnd.oci.image.layer.v1.tar", join(root, "tar"))))).toEqual(
      expected
    )
    const disk = await written(remote, reference, join(root, "image.erofs"), { format: "erofs" })
    expect(rootOf(seenAt(join(root, "erofs"), "-t", "erofs", "-o", "loop,ro", disk))).toEqual(expected)
    const options = `ro,lowerdir=${lowerdir(pulled)}`
    expect(rootOf(seenAt(join(root, "merged"), "-t", "overlay", "overlay", "-o", options))).toEqual(expected)
  },
  120_000
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
