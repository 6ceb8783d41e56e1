/**
 * A bundle of a small Debian-like image, and one of Debian, are started: by root and by an ordinary user, by crun and by runc. crun 1.8 refuses a machine with both
 * hierarchies of cgroups (`hybrid`): where the second one is mounted beside the first, it is out of sight here.
 */
import { execFile } from "node:child_process"
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, onTestFinished, test } from "vitest"
import { image, startRegistry, tar } from "../../../src/testing/index.ts"
import { temporaryRoot } from "../../support/open.ts"
import { startDockerRegistry } from "../support/dockerRegistry.ts"
import { run } from "../support/oracle.ts"

const main = join(import.meta.dirname, "../../../dist/cli/main.js")
const busybox = "/bin/busybox"
const isRoot = process.getuid?.() === 0
const runtimes = ["crun", "runc"].filter((name) => ["/usr/bin", "/usr/sbin"].some((at) => existsSync(join(at, name))))
const unified = "/sys/fs/cgroup/unified"
const asNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]

/** busybox is one static program: what a Debian image has in its places for it. */
const app = () =>
  image({
    layers: [
      ["true", "id", "sh", "cat", "env", "stat", "touch", "hostname"].reduce(
        (archive, name) => archive.symlink(`bin/${name}`, "busybox"),
        tar()
          .directory("./", { mode: 0o755 })
          .directory("bin/")
          .file("bin/busybox", readFileSync(busybox), { mode: 0o755 })
          .directory("tmp/", { mode: 0o1777 })
          .directory("etc/")
          .file("etc/passwd", "root:x:0:0:root:/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n")
          .file("etc/group", "root:x:0:\nstaff:x:50:app\n")
          .file("etc/secret", "mine", { uid: 1000, gid: 50, mode: 0o4640 })
      )
    ],
    config: { config: { Cmd: ["/bin/true"], Env: ["GREETING=hi"], Volumes: { "/data": {} } } }
  })

const script =
  "id -u; id -g; id -G; echo $GREETING $MORE; hostname; stat -c '%u:%g %a' /etc/secret; touch /tmp/x /data/y && echo wrote"

const small = async () => {
  const registry = await startRegistry({ images: { "app:1": await app() } })
  onTestFinished(() => registry.close())
  return registry.reference("app:1")
}

/** Any user can read it from a registry. */
const debian = async () => {
  const registry = await startDockerRegistry({ images: ["debian"] })
  onTestFinished(() => registry[Symbol.asyncDispose]())
  return `${registry.host}/debian:latest`
}

const scene = async (serve = small) => {
  const home = await temporaryRoot()
  onTestFinished(() => {
    run("rm", "-rf", home.root)
  }, 60_000)
  chmodSync(home.root, 0o755)
  const mine = join(home.root, "mine")
  mkdirSync(mine)
  chownSync(mine, 65534, 65534)
  const reference = await serve()
  /** Runs a program, as root or as nobody, where crun can work. */
  const asked = async (prefix: ReadonlyArray<string>, argv: ReadonlyArray<string>) => {
    const prepare = existsSync(unified) ? `umount ${unified}; ` : ""
    const env = { ...process.env, HOME: mine, TMPDIR: mine, XDG_RUNTIME_DIR: mine }
    const all = ["--mount", "sh", "-ec", `${prepare}exec "$@"`, "-", ...prefix, ...argv]
    return (await promisify(execFile)("unshare", all, { cwd: mine, env })).stdout
  }
  const bundle = (prefix: ReadonlyArray<string>, name: string, ...flags: ReadonlyArray<string>) =>
    asked(prefix, [process.execPath, main, "bundle", reference, name, ...flags])
  const start = (prefix: ReadonlyArray<string>, runtime: string, name: string) => {
    const at = join(mine, name)
    return asked(prefix, [
      runtime,
      "--root",
      join(mine, `${runtime}-state-${prefix.length}`),
      "run",
      "--bundle",
      at,
      `o${process.pid}-${runtime}-${name}`
    ])
  }
  return { mine, bundle, start }
}

describe.runIf(isRoot && existsSync(busybox))("a bundle", () => {
  test.for(runtimes)(
    "of root is started by %s: the image's user, owners and setuid bits",
    { timeout: 300_000 },
    async (runtime) => {
      const { mine, bundle, start } = await scene()
      await bundle([], "plain")
      expect(await start([], runtime, "plain")).toBe("")
      await bundle(
        [],
        "told",
        "--user",
        "app",
        "--env",
        "MORE=more",
        "--hostname",
        "here",
        "--",
        "/bin/sh",
        "-c",
        script
      )
      const said = (await start([], runtime, "told")).trim().split("\n")
      expect(said).toEqual([
        "1000",
        "1001",
        expect.stringMatching(/\b50\b/),
        "hi more",
        "here",
        "1000:50 4640",
        "wrote"
      ])
      expect(readdirSync(join(mine, "told/rootfs/tmp"))).toEqual(["x"])
      expect(readdirSync(join(mine, "told/rootfs/data"))).toEqual([])
    }
  )

  test.for(runtimes)("of an ordinary user is started by %s without rights", { timeout: 300_000 }, async (runtime) => {
    const { mine, bundle, start } = await scene()
    await bundle(asNobody, "plain")
    expect(await start(asNobody, runtime, "plain")).toBe("")
    await bundle(asNobody, "told", "--env", "MORE=more", "--hostname", "here", "--", "/bin/sh", "-c", script)
    const said = (await start(asNobody, runtime, "told")).trim().split("\n")
    expect(said).toEqual(["0", "0", expect.stringMatching(/\b0\b/), "hi more", "here", "0:0 640", "wrote"])
    expect(run("find", mine, "-path", "*/rootfs*", "!", "-user", "nobody")).toBe("")
    expect(statSync(join(mine, "told")).mode & 0o777).toBe(0o700)
  })

  test.runIf(runtimes.includes("crun"))(
    "of an ordinary user has the image's own user where that is not root",
    { timeout: 300_000 },
    async () => {
      const { bundle, start } = await scene()
      await bundle(asNobody, "told", "--user", "app", "--", "/bin/sh", "-c", "id -u; id -g; touch /tmp/x && echo wrote")
      expect((await start(asNobody, "crun", "told")).trim().split("\n")).toEqual(["1000", "1001", "wrote"])
    }
  )

  test("of an ordinary user without --rootless is told what it may not", { timeout: 300_000 }, async () => {
    const { mine, bundle } = await scene()
    const failed = await bundle(asNobody, "plain", "--no-rootless").catch((error) => error)
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain("EPERM")
    expect(readdirSync(mine).filter((name) => name === "plain" || name.startsWith(".ociflow-"))).toEqual([])
  })

  test("of Debian runs its programs, as root and as an ordinary user", { timeout: 900_000 }, async () => {
    const { bundle, start } = await scene(debian)
    const script = ". /etc/os-release; echo $ID; perl -e 'print 6*7'; exec id -u"
    for (const prefix of [[], asNobody]) {
      const name = prefix.length === 0 ? "root" : "rootless"
      // Each has a store of its own.
      const store = ["--root", `${name}-store`]
      await bundle(prefix, name, ...store, "--", "/bin/true")
      await bundle(prefix, `${name}-told`, ...store, "--", "/bin/sh", "-c", script)
      for (const runtime of runtimes) {
        expect(await start(prefix, runtime, name), `${runtime}, ${name}`).toBe("")
        expect(await start(prefix, runtime, `${name}-told`), `${runtime}, ${name}`).toBe("debian\n420\n")
      }
    }
  })
})
