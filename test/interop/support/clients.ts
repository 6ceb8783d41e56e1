/** Other clients, each pulling one reference in full: true where it took it. Their stores are of the test, and go with it. */
import { execFile, spawn } from "node:child_process"
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import type { Oracle } from "../../compatibility/Row.ts"

export type Pull = (reference: string) => Promise<boolean>

export interface Clients extends AsyncDisposable {
  /** From a registry without TLS on this machine. */
  readonly fromRegistry: Readonly<Record<Oracle, Pull>>
  /** `docker-archive:PATH`, `oci-archive:PATH`. */
  readonly fromFile: Readonly<Record<Exclude<Oracle, "ctr">, Pull>>
}

const succeeds = (command: string, ...args: ReadonlyArray<string>) =>
  new Promise<boolean>((resolve) => {
    execFile(command, args, { timeout: 120_000, maxBuffer: 2 ** 24 }, (error) => resolve(error === null))
  })

export const startClients = async (directory: string): Promise<Clients> => {
  const at = (name: string) => join(directory, name)
  const socket = at("containerd.sock")
  writeFileSync(
    at("containerd.toml"),
    `version = 2
root = ${JSON.stringify(at("containerd"))}
state = ${JSON.stringify(at("containerd-state"))}
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.tracing"]
[grpc]
address = ${JSON.stringify(socket)}
`
  )
  const containerd = spawn("containerd", ["--config", at("containerd.toml")], { stdio: "ignore" })
  for (let tries = 0; !existsSync(socket); tries++) {
    if (tries > 400 || containerd.exitCode !== null) throw new Error("containerd did not start")
    await wait(25)
  }
  const ctr = (...args: ReadonlyArray<string>) => succeeds("ctr", "--address", socket, ...args)
  const native = ["--snapshotter", "native"]
  const podman = (...args: ReadonlyArray<string>) =>
    succeeds("podman", "--root", at("podman"), "--runroot", at("podman-run"), "--storage-driver", "vfs", ...args)
  const skopeo = (reference: string) => {
    rmSync(at("copied"), { recursive: true, force: true })
    return succeeds("skopeo", "copy", "-q", "--src-tls-verify=false", reference, `dir:${at("copied")}`)
  }
  const viaPodman: Pull = async (reference) => {
    const took = await podman("pull", "-q", "--tls-verify=false", reference)
    await podman("rmi", "--all", "--force")
    return took
  }
  mkdirSync(at("mounted"))
  return {
    fromRegistry: {
      skopeo: (reference) => skopeo(`docker://${reference}`),
      podman: viaPodman,
      // An image that it fetched and did not extract is not taken.
      ctr: async (reference) => {
        const pulled = await ctr("images", "pull", "--plain-http", ...native, reference)
        const mounted = pulled && (await ctr("images", "mount", ...native, reference, at("mounted")))
        if (mounted) await succeeds("umount", at("mounted"))
        await ctr("snapshots", ...native, "rm", at("mounted"))
        await ctr("images", "rm", "--sync", reference)
        return mounted
      }
    },
    fromFile: { skopeo, podman: viaPodman },
    async [Symbol.asyncDispose]() {
      const gone = new Promise((resolve) => containerd.once("exit", resolve))
      containerd.kill("SIGTERM")
      await gone
    }
  }
}
