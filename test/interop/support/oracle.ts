/** What other programs make of the same image, and how it is compared: by every attribute. */
import { execFileSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { temporaryRoot } from "../../support/open.ts"
import { imagesDir } from "./dockerRegistry.ts"
import type { Node } from "./tree.ts"

export const run = (command: string, ...args: ReadonlyArray<string>): string =>
  execFileSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 28, stdio: ["ignore", "pipe", "pipe"] })

/**
 * Owner, all of the mode, device, time, content, links, attributes; of the root itself none: an archive may say nothing
 * of it. A file whose other names are hidden by overlayfs still counts them, so the first name of several says nothing.
 */
export const everythingBeneath = ({ mtime, same, ...node }: Node, path: string) =>
  path === "." ? undefined : { ...node, same: same === path ? undefined : same, mtime: mtime.toString() }

/** The same, but for what umoci 0.4 leaves out: an attribute whose value is empty. */
export const everythingUmociKeeps = (node: Node, path: string) => {
  const about = everythingBeneath(node, path)
  if (about === undefined) return about
  return { ...about, xattrs: Object.fromEntries(Object.entries(node.xattrs).filter(([, value]) => value !== "")) }
}

/** A new directory, which the test removes when it ends, however large it is by then. */
export const directoryOfTest = async (): Promise<string> => {
  const { root } = await temporaryRoot()
  onTestFinished(() => void run("rm", "-rf", root), 600_000)
  return root
}

const flags = [
  "--same-owner",
  "--preserve-permissions",
  "--numeric-owner",
  "--delay-directory-restore",
  "--xattrs",
  "--xattrs-include=*"
]

/** One layer's blob through GNU tar, as root. */
export const untarred = (blob: string, mediaType: string, to: string): string => {
  mkdirSync(to, { recursive: true })
  const form = mediaType.endsWith("zstd") ? "--zstd" : mediaType.endsWith("gzip") ? "--gzip" : "--no-auto-compress"
  run("tar", "--extract", form, "--file", blob, "--directory", to, ...flags)
  return to
}

/** All layers of an image through umoci, as root. */
export const unpacked = (layout: string, to: string, tag = "latest"): string => {
  run("umoci", "raw", "unpack", "--image", `${layout}:${tag}`, to)
  return to
}

export const layoutOf = (image: string): string => join(imagesDir, "oci", image)

export const blobOf = (layout: string, digest: string): string => join(layout, "blobs", digest.replace(":", "/"))

/** Copies an OCI layout into a registry on this machine. */
export const push = (layout: string, to: string): string =>
  run("skopeo", "copy", "-q", "--dest-tls-verify=false", `oci:${layout}`, `docker://${to}`)
