/**
 * One image as root, by four ways: umoci's tree, the tar of an export that GNU tar unpacks, the disk image that the kernel
 * mounts, and the kernel's overlay of the layers. They are the same tree: names, bytes, owners, modes, times, attributes,
 * devices, and which names are one inode.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { expect } from "vitest"
import { lowerdir } from "../../../src/index.ts"
import { open } from "../../support/open.ts"
import { everythingBeneath, everythingUmociKeeps, run, unpacked, untarred } from "./oracle.ts"
import { bareIn, withoutBare, withoutDirectories } from "./overlay.ts"
import { differences, type Node, readTree, withGroups } from "./tree.ts"
import { written } from "./written.ts"

export interface Asked {
  readonly reference: string
  /** Where umoci reads the image, and by which tag. */
  readonly layout: string
  readonly tag: string
  /** Of a random image: what an overlay shows more of it. */
  readonly made?: Parameters<typeof bareIn>[0]
}

/** Clients of one test, in a directory of its own. */
export const openWays = async (home: string) => {
  const remote = await open()
  const stored = await open({ root: join(home, "erofs"), layout: "erofs" })
  const overlay = await open({ root: join(home, "overlay"), layout: "overlay", ownership: "chown" })
  const close = async () => {
    for (const client of [remote, stored, overlay]) await client[Symbol.asyncDispose]()
  }
  return { home, remote, stored, overlay, [Symbol.asyncDispose]: close }
}
export type Ways = Awaited<ReturnType<typeof openWays>>

/** What the kernel shows where something is mounted for a moment. */
export const seenAt = (point: string, ...mount: ReadonlyArray<string>): Map<string, Node> => {
  mkdirSync(point)
  run("mount", ...mount, point)
  try {
    return readTree(point)
  } finally {
    run("umount", point)
  }
}

/** How many paths the tree has. */
export const sameFourWays = async ({ home, remote, stored, overlay }: Ways, asked: Asked): Promise<number> => {
  const { reference, layout, tag, made } = asked
  const at = (name: string) => join(home, `${name}-${tag}`)
  const same = (
    [who, actual]: readonly [string, Map<string, Node>],
    expected: Map<string, Node>,
    see: (node: Node, path: string) => unknown
  ) => expect(differences(withGroups(actual), expected, see).slice(0, 20), `${who}, ${tag}`).toEqual([])

  const tar = await written(remote, reference, at("image.tar"))
  const expected = withGroups(readTree(untarred(tar, "application/vnd.oci.image.layer.v1.tar", at("tar"))))
  run("rm", "-rf", tar, at("tar"))
  same(["umoci", readTree(unpacked(layout, at("umoci"), tag))], expected, everythingUmociKeeps)
  run("rm", "-rf", at("umoci"))

  const disk = await written(remote, reference, at("image.erofs"), { format: "erofs" })
  same(["erofs", seenAt(at("mounted"), "-t", "erofs", "-o", "loop,ro", disk)], expected, everythingBeneath)
  run("fsck.erofs", disk)
  // So is what is true of the mount true of the disk image that a pull makes.
  const { erofs = "" } = await stored.pull(reference)
  execFileSync("cmp", [disk, erofs])
  run("rm", disk)

  // A single lower directory needs another one beneath it.
  const empty = join(home, "empty")
  mkdirSync(empty, { recursive: true })
  const options = `lowerdir=${lowerdir(await overlay.pull(reference))}:${empty}`
  const shown = seenAt(at("overlay"), "-t", "overlay", "overlay", "-o", options)
  if (made === undefined) same(["overlay", shown], expected, everythingBeneath)
  else same(["overlay", withoutBare(shown, expected, bareIn(made))], expected, withoutDirectories)
  return expected.size
}
