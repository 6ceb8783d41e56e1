/** A user without rights, and without a user namespace, hands on what only root could have: owners, setuid bits, devices, capabilities. */
import { execFile } from "node:child_process"
import { chmodSync, chownSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, onTestFinished, test } from "vitest"
import { image, startRegistry, tar } from "../../../src/testing/index.ts"
import { temporaryRoot } from "../../support/open.ts"
import { run, untarred } from "../support/oracle.ts"
import { type Node, readTree } from "../support/tree.ts"

const main = join(import.meta.dirname, "../../../dist/cli/main.js")
const asNobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]

/** cap_net_raw=ep, as the kernel keeps it: revision 2. */
const capability = Buffer.from("0100000200200000000000000000000000000000", "hex")

const app = () =>
  image({
    layers: [
      tar()
        .directory("etc/", { mode: 0o750, uid: 12, gid: 34 })
        .file("etc/su", "#!/bin/sh", { mode: 0o4755, uid: 0, gid: 42 })
        .file("etc/ping", "ping", { mode: 0o755, xattrs: { "security.capability": capability } })
        .file("etc/user", "user", { mode: 0o640, uid: 100_000, gid: 1_000_000 })
        // A link says the same: podman gives the file what its last name says.
        .hardLink("etc/again", "etc/user", { mode: 0o640, uid: 100_000, gid: 1_000_000 })
    ]
  })

const seen = (nodes: Map<string, Node>) => {
  const about = (path: string) => {
    const { mode, uid, gid, xattrs } = nodes.get(path) ?? expect.unreachable(path)
    return [(mode & 0o7777).toString(8), uid, gid, Object.keys(xattrs)]
  }
  return {
    ...Object.fromEntries(["etc", "etc/su", "etc/ping", "etc/user"].map((path) => [path, about(path)])),
    same: nodes.get("etc/again")?.same ?? nodes.get("etc/user")?.same
  }
}

const expected = {
  etc: ["750", 12, 34, []],
  "etc/su": ["4755", 0, 42, []],
  "etc/ping": ["755", 0, 0, ["security.capability"]],
  "etc/user": ["640", 100_000, 1_000_000, []],
  same: "etc/again"
}

test.runIf(process.getuid?.() === 0)(
  "a tar, an archive and a disk image have the image's own owners",
  async () => {
    const { root } = await temporaryRoot()
    onTestFinished(() => {
      run("rm", "-rf", root)
    })
    chmodSync(root, 0o755)
    const mine = join(root, "mine")
    mkdirSync(mine)
    chownSync(mine, 65534, 65534)
    await using registry = await startRegistry({ images: { "app:1": await app() } })
    const exported = async (format: string) => {
      const path = join(mine, format)
      const args = [
        ...asNobody,
        process.execPath,
        main,
        "export",
        registry.reference("app:1"),
        "--format",
        format,
        "-o",
        path
      ]
      await promisify(execFile)("setpriv", args, { cwd: mine, env: { ...process.env, HOME: mine, TMPDIR: mine } })
      return path
    }
    const tarred = untarred(await exported("tar"), "application/vnd.oci.image.layer.v1.tar", join(root, "tar"))
    expect(seen(readTree(tarred))).toEqual(expected)

    const mount = join(root, "mount")
    mkdirSync(mount)
    run("mount", "-t", "erofs", "-o", "loop,ro", await exported("erofs"), mount)
    try {
      expect(seen(readTree(mount))).toEqual(expected)
    } finally {
      run("umount", mount)
    }

    const storage = ["--root", join(root, "podman"), "--runroot", join(root, "run"), "--storage-driver", "vfs"]
    run("podman", ...storage, "load", "-i", await exported("docker-archive"))
    const mounted = run("podman", ...storage, "image", "mount", registry.reference("app:1")).trim()
    try {
      expect(seen(readTree(mounted))).toEqual(expected)
    } finally {
      run("podman", ...storage, "image", "umount", registry.reference("app:1"))
    }
  },
  300_000
)
