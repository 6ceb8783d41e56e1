/** A bundle of a small Debian-like image is started: by root and by an ordinary user, by crun and by runc. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { image, startRegistry, tar } from "../../../src/testing/index.ts"
import { run } from "../support/oracle.ts"
import { asNobody, isRoot, runtimes, scene } from "./scene.ts"

const busybox = "/bin/busybox"

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

describe.runIf(isRoot && existsSync(busybox))("a bundle", () => {
  test.for(runtimes)(
    "of root is started by %s: the image's user, owners and setuid bits",
    { timeout: 300_000 },
    async (runtime) => {
      const { mine, bundle, start } = await scene(small)
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
    const { mine, bundle, start } = await scene(small)
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
      const { bundle, start } = await scene(small)
      await bundle(asNobody, "told", "--user", "app", "--", "/bin/sh", "-c", "id -u; id -g; touch /tmp/x && echo wrote")
      expect((await start(asNobody, "crun", "told")).trim().split("\n")).toEqual(["1000", "1001", "wrote"])
    }
  )

  test("of an ordinary user without --rootless is told what it may not", { timeout: 300_000 }, async () => {
    const { mine, bundle } = await scene(small)
    const failed = await bundle(asNobody, "plain", "--no-rootless").catch((error) => error)
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain("EPERM")
    expect(readdirSync(mine).filter((name) => name === "plain" || name.startsWith(".ociflow-"))).toEqual([])
  })
})
