/**
 * Random images as root: the tree that is read without a pull, the one that a pull merges, umoci's, and the kernel's overlay of
 * the layers are the same tree: names, bytes, owners, modes, times, attributes, devices, and which names are one inode.
 * `TREES` says how many images, `FIRST_TREE` which is the first; `TREES_OF` names real ones.
 */
import { createHash } from "node:crypto"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import type { LayoutName } from "../../../src/api/config.ts"
import type { Client } from "../../../src/client.ts"
import { lowerdir } from "../../../src/index.ts"
import { typeBits } from "../../../src/layer/metadata/overrideStat.ts"
import { randomImage, startRegistry } from "../../../src/testing/index.ts"
import { open, temporaryRoot } from "../../support/open.ts"
import { everythingBeneath, layoutOf, run, unpacked } from "../support/oracle.ts"
import { bareIn, withoutBare, withoutDirectories } from "../support/overlay.ts"
import { differences, type Node, readTree, withGroups } from "../support/tree.ts"

const count = Number(process.env["TREES"] ?? 200)
const first = Number(process.env["FIRST_TREE"] ?? 0)

const sha256 = async (body: AsyncIterable<Uint8Array>): Promise<string> => {
  const hash = createHash("sha256")
  for await (const piece of body) hash.update(piece)
  return hash.digest("hex")
}

/** What is read of an image, as `readTree` gives what is on disk. */
const read = async (oci: Client, reference: string): Promise<Map<string, Node>> => {
  const nodes = new Map<string, Node>()
  for await (const entry of oci.tree(reference)) {
    const { rawPath, type, mode, uid, gid, size, mtimeNs, xattrs, device, rawLinkPath = "" } = entry
    const target = nodes.get(rawLinkPath)
    if (type === "link" && target !== undefined) {
      nodes.set(rawLinkPath, { ...target, same: rawLinkPath })
      nodes.set(rawPath, { ...target, same: rawLinkPath })
      continue
    }
    nodes.set(rawPath, {
      kind: type,
      // Linux keeps none for a symbolic link.
      mode: typeBits[type] | (type === "symlink" ? 0o777 : mode),
      uid,
      gid,
      rdev: device === undefined ? 0 : (device.major << 8) | device.minor,
      mtime: mtimeNs,
      size: type === "symlink" ? rawLinkPath.length : size,
      ...(type === "file" ? { content: await sha256(entry.body) } : {}),
      ...(type === "symlink" ? { target: rawLinkPath } : {}),
      xattrs: Object.fromEntries(
        [...xattrs]
          .map(([name, value]) => [name, Buffer.from(value).toString("latin1")] as const)
          .sort(([a], [b]) => (a < b ? -1 : 1))
      )
    })
  }
  return withGroups(nodes)
}

const onDisk = (root: string): Map<string, Node> => {
  const nodes = readTree(root)
  nodes.delete(".")
  return withGroups(nodes)
}

/** umoci 0.4 leaves out an attribute whose value is empty. */
const withoutEmptyAttributes = (node: Node, path: string) => ({
  ...everythingBeneath(node, path),
  xattrs: Object.fromEntries(Object.entries(node.xattrs).filter(([, value]) => value !== ""))
})

/** A directory and what is in it, as if there was nothing else: of several names of an inode, those here name the least of them. */
const beneath = (nodes: Map<string, Node>, directory: string): Map<string, Node> => {
  const here = [...nodes].filter(([path]) => path === directory || path.startsWith(`${directory}/`))
  const least = new Map<string, string>()
  for (const [path, { same }] of here) {
    const before = same === undefined ? undefined : least.get(same)
    if (same !== undefined && (before === undefined || path < before)) least.set(same, path)
  }
  return new Map(
    here.map(([path, node]) => {
      const same = node.same === undefined ? undefined : least.get(node.same)
      return [path, same === undefined ? node : { ...node, same }]
    })
  )
}

/** Stores of one root, one for each layout, and a client with none. */
const openStores = async (home: string, more: { readonly keepBlobs?: string } = {}) => {
  const store = (layout: LayoutName, more = {}) =>
    open({ root: join(home, layout), layout, ownership: "chown", ...more })
  const all = {
    remote: await open(),
    rootfs: await store("rootfs", more),
    overlay: await store("overlay"),
    layers: await store("layers")
  }
  const close = async () => {
    for (const client of Object.values(all)) await client[Symbol.asyncDispose]()
  }
  return { ...all, [Symbol.asyncDispose]: close }
}
type Stores = Awaited<ReturnType<typeof openStores>>

interface Compared {
  readonly home: string
  readonly reference: string
  /** Where umoci reads the image, and by which tag. */
  readonly layout: string
  readonly tag: string
  readonly bare: ReadonlySet<string>
}

const compare = async (
  { remote, rootfs, overlay, layers }: Stores,
  { home, reference, layout, tag, bare }: Compared
): Promise<void> => {
  const merged = await rootfs.pull(reference)
  const stacked = await overlay.pull(reference)
  await layers.pull(reference)
  const expected = onDisk(merged.rootfs ?? "")
  const same = (
    actual: Map<string, Node>,
    who: string,
    see: (node: Node, path: string) => unknown = everythingBeneath
  ) => expect(differences(actual, expected, see), `${who}, ${tag}`).toEqual([])
  same(await read(remote, reference), "from the registry")
  same(await read(rootfs, reference), "from the store, rootfs")
  same(await read(overlay, reference), "from the store, overlay", withoutDirectories)
  same(await read(layers, reference), "from the store, layers")

  const umoci = onDisk(unpacked(layout, join(home, `umoci-${tag}`), tag))
  same(umoci, "umoci", withoutEmptyAttributes)
  const directory = [...expected].find(([, { kind }]) => kind === "directory")?.[0]
  if (directory !== undefined) {
    const only = Buffer.from(directory, "latin1").toString()
    const part = beneath(onDisk((await rootfs.pull(reference, { only })).rootfs ?? ""), directory)
    const found = differences(part, beneath(umoci, directory), withoutEmptyAttributes)
    expect(found, `${only} alone, ${tag}`).toEqual([])
  }

  const point = join(home, `mounted-${tag}`)
  mkdirSync(point)
  // A single lower directory needs another one beneath it.
  const empty = join(home, "empty")
  mkdirSync(empty, { recursive: true })
  run("mount", "-t", "overlay", "overlay", "-o", `lowerdir=${lowerdir(stacked)}:${empty}`, point)
  try {
    same(withoutBare(onDisk(point), expected, bare), "the kernel", withoutDirectories)
  } finally {
    run("umount", point)
  }
}

const temporaryHome = async (): Promise<string> => {
  const { root } = await temporaryRoot()
  onTestFinished(() => {
    run("rm", "-rf", root)
  }, 600_000)
  return root
}

test.runIf(process.getuid?.() === 0)(
  `${count} random images are the same tree, however they are read`,
  async () => {
    await using registry = await startRegistry()
    const home = await temporaryHome()
    // What umoci reads. The registry is in this process, which no program may make wait.
    const layout = join(home, "oci")
    await using stores = await openStores(home, { keepBlobs: layout })
    for (let seed = first; seed < first + count; seed++) {
      // Every other image has devices and FIFOs.
      const made = await randomImage(`tree ${seed}`, { nodes: seed % 2 === 1 })
      registry.add(`random:${seed}`, made)
      const reference = registry.reference(`random:${seed}`)
      await compare(stores, { home, reference, layout, tag: String(seed), bare: bareIn(made) })
    }
  },
  1_800_000
)

/** `TREES_OF`: images that `bench/images.sh` made, such as `nodeapp`. */
const real = (process.env["TREES_OF"] ?? "").split(",").filter(Boolean)

test.each(real)(
  "the image %s is the same tree, however it is read",
  async (name) => {
    const home = await temporaryHome()
    await using stores = await openStores(home)
    const layout = layoutOf(name)
    await compare(stores, { home, reference: `oci:${layout}`, layout, tag: "latest", bare: new Set() })
  },
  1_800_000
)
