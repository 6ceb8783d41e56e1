/**
 * Real images from Debian's docker-registry: what stands on disk equals what GNU tar makes of the same blobs, and the
 * catalogue is SQLite as the sqlite3 program sees it. `IMAGE_NAMES` adds to `small,debian`.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { filter, firstValueFrom, switchMap, take } from "rxjs"
import { afterAll, beforeAll, expect, test } from "vitest"
import { open, type TestClient } from "../support/open.ts"
import { type DockerRegistry, imagesDir, startDockerRegistry } from "./support/dockerRegistry.ts"
import { differences, type Node, readTree } from "./support/tree.ts"

const images = (process.env["IMAGE_NAMES"] ?? "small,debian").split(",")
const attribute = "user.containers.override_stat"

let registry: DockerRegistry
let oci: TestClient
beforeAll(async () => {
  registry = await startDockerRegistry({ images })
  oci = await open()
}, 900_000)
afterAll(async () => {
  await oci[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

const run = (command: string, ...args: ReadonlyArray<string>) =>
  execFileSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 28 })
const sqlite = (sql: string) => run("sqlite3", "-json", join(oci.root, "oci.db"), sql)

/** The seed keeps types and permissions in the attribute, and gives the owner access to everything. */
const asSeedKeeps = (node: Node) => {
  const device = node.kind === "fifo" || node.kind.endsWith("device")
  const type = node.mode & 0o170000
  return {
    kind: device ? "file" : node.kind,
    permissions:
      node.kind === "symlink"
        ? 0
        : device
          ? "of a placeholder"
          : node.kind === "directory"
            ? (node.mode & 0o1777) | 0o700
            : (node.mode & 0o777) | 0o600,
    size: device ? 0 : node.size,
    content: device ? undefined : node.content,
    target: node.target,
    same: node.same,
    mtime: node.mtime.toString(),
    stat: node.kind === "symlink" ? undefined : `${node.uid}:${node.gid}:0${(type | (node.mode & 0o7777)).toString(8)}`
  }
}

const asKept = (node: Node, expected: Node | undefined) => ({
  kind: node.kind,
  permissions:
    node.kind === "symlink"
      ? 0
      : expected?.kind === "fifo" || expected?.kind.endsWith("device")
        ? "of a placeholder"
        : node.mode & 0o7777,
  size: node.size,
  content: expected?.kind === node.kind ? node.content : undefined,
  target: node.target,
  same: node.same,
  mtime: node.mtime.toString(),
  stat: node.xattrs[attribute]
})

for (const name of images) {
  test(`each layer of ${name} equals what GNU tar makes of it`, { timeout: 900_000 }, async () => {
    const pulled = await oci.pull(`${registry.host}/${name}:latest`)
    for (const { digest, path, mediaType } of pulled.layers) {
      const blob = join(imagesDir, "oci", name, "blobs", digest.replace(":", "/"))
      const oracle = join(oci.root, "oracle", digest)
      mkdirSync(oracle, { recursive: true })
      run(
        "tar",
        "--extract",
        mediaType.endsWith("zstd") ? "--zstd" : "--gzip",
        "--file",
        blob,
        "--directory",
        oracle,
        "--same-owner",
        "--preserve-permissions",
        "--numeric-owner",
        "--delay-directory-restore"
      )
      const [theirs, ours] = [readTree(oracle), readTree(path)]
      const seen = differences(ours, theirs, (node, path) =>
        // The archive may say nothing of its own root: then there is nothing to compare it with.
        path === "." ? undefined : node === theirs.get(path) ? asSeedKeeps(node) : asKept(node, theirs.get(path))
      )
      expect(seen.slice(0, 20)).toEqual([])
      expect(theirs.size).toBeGreaterThan(1)
      expect(ours.get(".")?.xattrs[attribute]).toMatch(/^\d+:\d+:04\d{4}$/)
      run("rm", "-rf", oracle)
    }
  })
}

test("small: busybox and its 268 names are one inode", async () => {
  const { layers } = await oci.pull(`${registry.host}/small:latest`)
  const inodes = run("find", join(layers[0]?.path ?? "", "bin"), "-type", "f", "-printf", "%i %n\n")
    .trim()
    .split("\n")
  expect(new Set(inodes).size).toBe(1)
  expect(inodes.length).toBeGreaterThanOrEqual(268)
  expect(inodes[0]?.split(" ")[1]).toBe(String(inodes.length))
})

test("entries$ finds etc/os-release in debian and stops the download there", async () => {
  await using fresh = await open()
  const found = fresh.entries$(`${registry.host}/debian:latest`).pipe(
    filter(
      ({ path }) => path.replace(/^\.\//, "") === "usr/lib/os-release" || path.replace(/^\.\//, "") === "etc/os-release"
    ),
    take(1),
    switchMap((entry) => (entry.type === "symlink" ? [entry.linkPath ?? ""] : entry.text()))
  )
  expect(await firstValueFrom(found)).toMatch(/ID=debian|usr\/lib\/os-release/)
  expect(await fresh.layers()).toEqual([])
})

test("sqlite3 finds the catalogue whole, and in it the image, its manifest, config and layers in order", async () => {
  const pulled = await oci.pull(`${registry.host}/debian:latest`)
  expect(JSON.parse(sqlite("PRAGMA integrity_check"))).toEqual([{ integrity_check: "ok" }])
  const rows = JSON.parse(
    sqlite(`SELECT i.reference, i.size_bytes, m.schema_version, m.media_type, c.os, c.architecture, c.rootfs_type, l.digest, l.diff_id, l.size_bytes AS layer_size, ml.position
            FROM images i JOIN manifests m ON m.image_id = i.id JOIN configs c ON c.manifest_id = m.id
            JOIN manifest_layers ml ON ml.manifest_id = m.id JOIN layers l ON l.id = ml.layer_id
            WHERE i.reference = '${pulled.reference}' ORDER BY ml.position`)
  )
  expect(rows).toMatchObject([
    {
      reference: pulled.reference,
      schema_version: 2,
      os: "linux",
      rootfs_type: "layers",
      digest: pulled.layers[0]?.digest,
      diff_id: pulled.layers[0]?.diffId,
      position: 0
    }
  ])
  expect(rows[0].size_bytes).toBe(pulled.size)
})

test("an image from an index has its rows: index, manifest, config, layers", async () => {
  const { image, startRegistry } = await import("../../src/testing/index.ts")
  await using testing = await startRegistry({ images: { "multi:1": await image({ index: true, attestations: true }) } })
  const pulled = await oci.pull(testing.reference("multi:1"))
  const rows = JSON.parse(
    sqlite(`SELECT x.media_type, x.schema_version, m.index_id = x.id AS linked FROM images i JOIN indexes x ON x.image_id = i.id
            JOIN manifests m ON m.image_id = i.id WHERE i.reference = '${pulled.reference}'`)
  )
  expect(rows).toEqual([{ media_type: "application/vnd.oci.image.index.v1+json", schema_version: 2, linked: 1 }])
})

// Not one that is skipped: in CI a skipped test is a failure, and this image takes many minutes to make.
const nodeapp = images.includes("nodeapp") ? test : undefined
nodeapp?.("an overlay mount of nodeapp's layers runs its node and python3", { timeout: 900_000 }, async () => {
  const { layers } = await oci.pull(`${registry.host}/nodeapp:latest`)
  const { lowerdir } = await import("../../src/layer/layout/lowerdir.ts")
  const mount = join(oci.root, "mount")
  mkdirSync(mount)
  run("mount", "-t", "overlay", "overlay", "-o", `lowerdir=${lowerdir(layers.map(({ path }) => path))}`, mount)
  try {
    expect(run("chroot", mount, "/usr/local/bin/node", "-p", "6*7").trim()).toBe("42")
    expect(run("chroot", mount, "python3", "-c", "print(6*7)").trim()).toBe("42")
    expect(existsSync(join(mount, "app/node_modules"))).toBe(true)
  } finally {
    run("umount", mount)
  }
})
