/** Bundles and runtimes, for root and for an ordinary user. */
import { execFile } from "node:child_process"
import { chmodSync, chownSync, existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { onTestFinished } from "vitest"
import { temporaryRoot } from "../../support/open.ts"
import { run } from "../support/oracle.ts"

const main = join(import.meta.dirname, "../../../dist/cli/main.js")
export const isRoot = process.getuid?.() === 0
export const runtimes = ["crun", "runc"].filter((name) =>
  ["/usr/bin", "/usr/sbin"].some((at) => existsSync(join(at, name)))
)
export const asNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
/**
 * crun 1.8 refuses a machine with both hierarchies of cgroups (`hybrid`): where the second one is mounted beside the first, it is out
 * of sight here.
 */
const unified = "/sys/fs/cgroup/unified"

/** `serve` gives the reference of the image. */
export const scene = async (serve: () => Promise<string>) => {
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
