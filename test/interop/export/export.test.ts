/** Archives of images: podman, skopeo, and ours again read the same image. */
import { execFileSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { randomImage, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { directoryOfTest, run } from "../support/oracle.ts"
import { written } from "../support/written.ts"

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
