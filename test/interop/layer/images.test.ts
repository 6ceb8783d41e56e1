/**
 * Real images as root: each layer equals what GNU tar makes of it, all of them merged what umoci makes; overlay mounts and
 * root file systems run the programs within. `IMAGE_NAMES` adds to `small,debian`.
 */
import { existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import type { PullerOptions } from "../../../src/api/config.ts"
import { lowerdir } from "../../../src/index.ts"
import { image, startRegistry, tar } from "../../../src/testing/index.ts"
import { open, temporaryRoot } from "../../support/open.ts"
import { type DockerRegistry, startDockerRegistry } from "../support/dockerRegistry.ts"
import { blobOf, everythingBeneath, layoutOf, run, unpacked, untarred } from "../support/oracle.ts"
import { differences, readTree } from "../support/tree.ts"

const images = (process.env["IMAGE_NAMES"] ?? "small,debian").split(",")
const timeout = 1_800_000

let registry: DockerRegistry
beforeAll(async () => {
  registry = await startDockerRegistry({ images })
}, timeout)
afterAll(() => registry[Symbol.asyncDispose]())

const pulled = async (name: string, options: PullerOptions) => {
  const home = await temporaryRoot()
  onTestFinished(() => {
    run("rm", "-rf", home.root)
  }, timeout)
  await using oci = await open({ ...options, root: home.root })
  return { ...(await oci.pull(name)), home: home.root }
}

const mountedAt = (at: string, ...mount: ReadonlyArray<string>): string => {
  mkdirSync(at)
  run("mount", ...mount, at)
  onTestFinished(() => {
    run("umount", at)
  }, timeout)
  return at
}

const mounted = (options: string, at: string): string => mountedAt(at, "-t", "overlay", "overlay", "-o", options)

/** Programs of the image, run in it. */
const runs = (image: string, root: string) => {
  if (image === "small") return expect(run("chroot", root, "/bin/sh", "-c", "echo $((6*7))").trim()).toBe("42")
  expect(run("chroot", root, "perl", "-e", "print 6*7")).toBe("42")
  expect(run("chroot", root, "apt-get", "--version")).toMatch(/^apt /)
  // Slim images leave the documentation out, which dpkg still knows of.
  const amiss = run("chroot", root, "dpkg", "--verify", "dpkg").split("\n")
  expect(amiss.filter((line) => !/^(?:missing {5}\/usr\/share\/(?:doc|man)(?:\/|$)|$)/.test(line))).toEqual([])
  if (!image.startsWith("nodeapp")) return
  expect(run("chroot", root, "/usr/local/bin/node", "-p", "6*7").trim()).toBe("42")
  expect(run("chroot", root, "python3", "-c", "print(6*7)").trim()).toBe("42")
  expect(run("chroot", root, "git", "--version")).toMatch(/^git version/)
  expect(existsSync(join(root, "app/node_modules"))).toBe(true)
}

describe.each(images)("%s", (name) => {
  const reference = () => `${registry.host}/${name}:latest`
  /** umoci 0.4 reads no zstd; `nodeapp` has the archives of `nodeapp-zstd` in gzip. */
  const theirLayout = layoutOf(name.replace(/-zstd$/, ""))
  /** umoci's tree, unpacked once. */
  let unpackedOnce: ReturnType<typeof readTree> | undefined
  const theirTree = async () => {
    if (unpackedOnce !== undefined) return unpackedOnce
    const { root } = await temporaryRoot()
    unpackedOnce = readTree(unpacked(theirLayout, join(root, "umoci")))
    run("rm", "-rf", root)
    return unpackedOnce
  }

  test("each layer, with real owners, equals what GNU tar makes of it", { timeout }, async () => {
    const { layers, home } = await pulled(reference(), { ownership: "chown" })
    for (const { digest, path, mediaType } of layers) {
      const oracle = untarred(blobOf(layoutOf(name), digest), mediaType, join(home, "oracle", digest))
      const [theirs, ours] = [readTree(oracle), readTree(path)]
      expect(theirs.size).toBeGreaterThan(0)
      expect(differences(ours, theirs, everythingBeneath).slice(0, 20)).toEqual([])
      run("rm", "-rf", oracle)
    }
  })

  test("rootfs, with real owners, equals umoci's merged tree, and runs", { timeout }, async () => {
    const { rootfs = "" } = await pulled(reference(), { ownership: "chown", layout: "rootfs" })
    const theirs = await theirTree()
    expect(theirs.size).toBeGreaterThan(200)
    expect(differences(readTree(rootfs), theirs, everythingBeneath).slice(0, 20)).toEqual([])
    runs(name, rootfs)
  })

  test("a mount of the disk image equals umoci's tree, and runs; fsck.erofs finds nothing", { timeout }, async () => {
    const { erofs = "", home } = await pulled(reference(), { layout: "erofs" })
    run("fsck.erofs", erofs)
    const at = mountedAt(join(home, "mounted"), "-t", "erofs", "-o", "loop,ro", erofs)
    expect(differences(readTree(at), await theirTree(), everythingBeneath).slice(0, 20)).toEqual([])
    runs(name, at)
  })

  test.each([
    ["trusted", ""],
    ["user", ",userxattr"]
  ] as const)("an overlay mount with %s.overlay.* equals umoci's tree, and runs", { timeout }, async (kind, extra) => {
    const options: PullerOptions = { ownership: "chown", layout: "overlay", overlayAttributes: kind }
    const image = await pulled(reference(), options)
    // overlayfs mounts one layer only with something else beneath it.
    const empty = join(image.home, "empty")
    mkdirSync(empty)
    const at = mounted(`lowerdir=${lowerdir(image)}:${empty}${extra}`, join(image.home, "mounted"))
    expect(differences(readTree(at), await theirTree(), everythingBeneath).slice(0, 20)).toEqual([])
    runs(name, at)
  })
})

/** Version 2 of the kernel's form: CAP_NET_RAW, effective and permitted. */
const capability = Uint8Array.of(1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

test.each(["layers", "overlay", "rootfs"] as const)(
  "setuid, setgid and a file capability survive real owners: %s",
  async (layout) => {
    const made = await image({
      layers: [
        tar()
          .file("su", "x", { mode: 0o4755 })
          .file("wall", "x", { mode: 0o2755, gid: 5 })
          .file("ping", "x", { mode: 0o755, uid: 7, xattrs: { "security.capability": capability } })
      ]
    })
    await using testing = await startRegistry({ images: { "app:1": made } })
    const { layers } = await pulled(testing.reference("app:1"), { ownership: "chown", layout })
    const path = layers[0]?.path ?? ""
    expect(run("stat", "-c", "%u:%g %a", join(path, "su"), join(path, "wall"), join(path, "ping"))).toBe(
      "0:0 4755\n0:5 2755\n7:0 755\n"
    )
    expect(run("getcap", join(path, "ping")).trim()).toMatch(/cap_net_raw[=+]ep$/)
  }
)
