/** containerd with its overlayfs snapshotter: the client waits while the daemon works, so both are counted. */
import { spawn } from "node:child_process"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { run } from "../measure/Command.ts"
import type { Job, Peer, Prepared } from "./Peer.ts"
import type { Place } from "./Place.ts"

/** Linux tells processor time to user space in hundredths of a second. */
const ticksPerSecond = 100

const times = async (pid: number) => {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8")
  // The name, in parentheses, may hold spaces; user, system, and the same of ended children are fields 14 to 17.
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number)
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15)
  return { user: (user + childUser) / ticksPerSecond, system: (system + childSystem) / ticksPerSecond }
}

const peakOf = async (pid: number): Promise<number> =>
  Number(/^VmHWM:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024

/** A socket's path may have 107 bytes, so it does not lie under the destination. */
const sockets = new Map<string, string>()
const socketOf = (out: string): string => sockets.get(out) ?? ""

const startDaemon = async (place: Place, { out }: Job): Promise<Prepared> => {
  const scratch = await mkdtemp(join(tmpdir(), "ociflow-ctr-"))
  const socket = join(scratch, "s")
  sockets.set(out, socket)
  await mkdir(out)
  await writeFile(
    join(scratch, "config.toml"),
    `version = 2
root = ${JSON.stringify(`${out}/root`)}
state = ${JSON.stringify(join(scratch, "state"))}
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = ${JSON.stringify(socket)}
`
  )
  const opened = await place.open(dirname(out))
  const [file, ...args] = place.argv("containerd", "--config", join(scratch, "config.toml"), "--log-level", "error")
  const child = spawn(file, args, { stdio: "ignore" })
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()).once("error", () => resolve()))
  const stop = async () => {
    child.kill()
    await ended
    sockets.delete(out)
    await opened[Symbol.asyncDispose]()
    await rm(scratch, { recursive: true, force: true })
  }
  const client = place.argv("ctr", "-a", socket, "version")
  try {
    await run({
      argv: [
        "sh",
        "-c",
        'for i in $(seq 200); do "$@" >/dev/null 2>&1 && exit; sleep 0.05; done; exit 1',
        "-",
        ...client
      ]
    })
    const pid = child.pid ?? 0
    const before = await times(pid)
    await writeFile(`/proc/${pid}/clear_refs`, "5")
    return {
      usage: async () => {
        const after = await times(pid)
        return { user: after.user - before.user, system: after.system - before.system, peak: await peakOf(pid) }
      },
      [Symbol.asyncDispose]: stop
    }
  } catch (error) {
    await stop()
    throw error
  }
}

export const containerd = (place: Place): Peer => ({
  name: place.named("ctr (containerd)"),
  how: "ctr image pull, with a daemon started before, overlayfs snapshotter; the daemon's costs are included",
  version: async () => (await place.version("containerd", "--version")) && place.version("ctr", "--version"),
  zstd: true,
  prepare: (job) => startDaemon(place, job),
  command: ({ registry, image, out }) => ({
    argv: place.argv("ctr", "-a", socketOf(out), "image", "pull", "--plain-http", `${registry}/${image}:latest`)
  })
})
