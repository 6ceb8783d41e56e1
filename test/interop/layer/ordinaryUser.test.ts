/**
 * An ordinary user pulls, and mounts what it pulled with fuse-overlayfs: `stat` shows the archive's owners and modes. The
 * device `/dev/fuse` is for everybody, as udev makes it: where this machine's is root's alone, root gives this shell one.
 */
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, onTestFinished, test } from "vitest"
import { image, startRegistry, tar } from "../../../src/testing/index.ts"
import { temporaryRoot } from "../../support/open.ts"
import { run } from "../support/oracle.ts"

const command = join(import.meta.dirname, "../../../dist/cli/main.js")
const possible = process.getuid?.() === 0 && existsSync("/dev/fuse")

/** fuse-overlayfs 1.10 and older read no device numbers. */
const knowsDevices =
  possible && Number(/fuse-overlayfs: version 1\.(\d+)/.exec(run("fuse-overlayfs", "--version"))?.[1]) > 10

const asNobody = "setpriv --reuid 65534 --regid 65534 --clear-groups"

const layers = () => [
  tar()
    .directory("./", { mode: 0o755 })
    .directory("tmp/", { mode: 0o1777 })
    .directory("home/", { uid: 1000, gid: 1000, mode: 0o2755 })
    .file("home/secret", "mine", { uid: 1000, gid: 1000, mode: 0o400 })
    .file("su", "x", { mode: 0o4755 })
    .hardLink("su2", "su")
    .characterDevice("null", 1, 3, { mode: 0o666 })
    .file("gone", "x")
    .directory("old/")
    .file("old/x", "x"),
  tar().file(".wh.gone").file("old/.wh..wh..opq").file("old/new", "y", { uid: 7, gid: 8, mode: 0o640 })
]

const expected = [
  ". 0:0 755 directory",
  "./home 1000:1000 2755 directory",
  "./home/secret 1000:1000 400 regular file",
  `./null 0:0 666 ${knowsDevices ? "character special file" : "regular empty file"}`,
  "./old 0:0 755 directory",
  "./old/new 7:8 640 regular file",
  "./su 0:0 4755 regular file",
  "./su2 0:0 4755 regular file",
  "./tmp 0:0 1777 directory"
]

describe.runIf(possible)("an ordinary user", () => {
  test.each(["layers", "overlay"])(
    "sees the archive's owners and modes through fuse-overlayfs: layout %s",
    { timeout: 120_000 },
    async (layout) => {
      await using registry = await startRegistry({ images: { "app:1": await image({ layers: layers() }) } })
      const home = await temporaryRoot()
      onTestFinished(() => {
        run("rm", "-rf", home.root)
      })
      run("chmod", "755", home.root)
      const mine = join(home.root, "mine")
      mkdirSync(mine)
      run("chown", "65534:65534", mine)
      const script = join(home.root, "session.sh")
      const flags = `--root ${mine}/store --ownership xattr --stat-format containers --layout ${layout} --quiet`
      // Through links: fuse-overlayfs knows no way to say a `:` in a path.
      writeFileSync(
        script,
        `cd ${mine}; export HOME=${mine}; mkdir at
         ${process.execPath} ${command} pull ${registry.reference("app:1")} ${flags} >&2
         for layer in store/layers/*.extracted; do
           if [ -e "$layer/su" ]; then ln -s "$layer" lower; else ln -s "$layer" upper; fi; done
         fuse-overlayfs -o lowerdir=upper:lower,xattr_permissions=2 at
         cd at; find . | LC_ALL=C sort | xargs -d '\\n' stat -c '%n %u:%g %a %F'; cd ..
         fusermount3 -u at`
      )
      const device = join(home.root, "fuse")
      const open = (statSync("/dev/fuse").mode & 0o006) === 0o006
      const give = open ? "true" : `mknod -m 666 ${device} c 10 229; mount --bind ${device} /dev/fuse`
      const session = ["--mount", "sh", "-euc", `${give}; exec ${asNobody} sh -eu ${script}`]
      // Not synchronous: the registry answers from this process.
      const said = await promisify(execFile)("unshare", session, { timeout: 60_000 })
      expect(said.stdout.trim().split("\n")).toEqual(expected)
      expect(run("find", mine, "!", "-user", "nobody")).toBe("")
    }
  )

  test("is not warned of the directory of logins that root's podman has made", async () => {
    await using registry = await startRegistry({ images: { "app:1": await image() } })
    const reference = registry.reference("app:1")
    const podman = "mkdir -p /run/containers; mount -t tmpfs -o mode=700 none /run/containers"
    const resolve = `env -u XDG_RUNTIME_DIR HOME=/nonexistent ${process.execPath} ${command} resolve ${reference}`
    const session = ["--mount", "sh", "-euc", `${podman}; exec ${asNobody} ${resolve}`]
    const said = await promisify(execFile)("unshare", session, { timeout: 60_000 })
    expect(said.stdout).toContain(reference)
    expect(said.stderr).toBe("")
  })
})
