/** An image's config → the runtime's (image-spec, conversion.md), with what the caller asks for in place of it. */
import { posix } from "node:path"
import type { BundleOptions } from "../api/config.ts"
import { InvalidManifest, InvalidOption } from "../api/errors.ts"
import type { ImageConfig } from "../api/results/ImageConfig.ts"
import { capabilities, defaultPath, maskedPaths, mountsOf, namespacesOf, readonlyPaths } from "./defaults.ts"
import type { Mount, ProcessUser, RuntimeSpec } from "./RuntimeSpec.ts"

export interface Conversion {
  readonly config: ImageConfig
  /** The digest of the config, for errors. */
  readonly digest: string
  readonly annotations: Readonly<Record<string, string>>
  readonly options: Pick<BundleOptions, "args" | "env" | "cwd" | "hostname" | "terminal" | "readonly">
  readonly user: ProcessUser
  /** Who starts a rootless container; `undefined`: root does, with the owners that the image has. */
  readonly starter: { readonly uid: number; readonly gid: number } | undefined
}

/** What is below one of these is the system's: what a volume there would hide is not data of an application. */
const systemPaths = ["/proc", "/sys", "/dev"]

/** Seen from the root, without `..`: what an image says is never taken for a path of the host. */
const absolute = (path: string) => {
  const clean = posix.resolve("/", path)
  return clean === "" ? "/" : clean
}

const volumeMounts = (volumes: ReadonlyArray<string>): ReadonlyArray<Mount> =>
  [...new Set(volumes.map(absolute))]
    .filter((path) => path !== "/" && !systemPaths.some((it) => path === it || path.startsWith(`${it}/`)))
    .toSorted()
    .map((destination) => ({
      destination,
      type: "tmpfs",
      source: "tmpfs",
      options: ["rw", "nosuid", "nodev", "relatime"]
    }))

/** The kernel ends a text at a NUL: what a program is given would not be what was checked. */
const refuseNul = (texts: Readonly<Record<string, ReadonlyArray<string>>>, digest: string): void => {
  for (const [field, values] of Object.entries(texts))
    if (values.some((it) => it.includes("\0"))) throw new InvalidManifest({ digest, problem: `its ${field} has a NUL` })
}

/** Throws `InvalidManifest` for a config that no process can be started from, `InvalidOption` where there is nothing to start. */
export const runtimeSpecOf = ({ config, digest, annotations, options, user, starter }: Conversion): RuntimeSpec => {
  const { os, env, entrypoint, cmd, workingDir = "/", volumes } = config
  if (os !== undefined && os !== "linux")
    throw new InvalidManifest({ digest, problem: "it is of another system than Linux, which bundles are for" })
  const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  refuseNul(
    {
      Env: pairs,
      Entrypoint: entrypoint,
      Cmd: cmd,
      WorkingDir: [workingDir],
      Volumes: volumes,
      Labels: Object.entries(annotations).flat()
    },
    digest
  )
  const args = options.args ?? [...entrypoint, ...cmd]
  if (args.length === 0)
    throw new InvalidOption({
      option: "args",
      problem: "must be given: the image has neither an entrypoint nor a command"
    })
  const terminal = options.terminal ?? false
  const variables = new Map(Object.entries({ ...env, ...options.env }))
  const added = [
    ...(variables.has("PATH") ? [] : [defaultPath]),
    ...(terminal && !variables.has("TERM") ? ["TERM=xterm"] : [])
  ]
  const rootless = starter !== undefined
  const mapping = (id: number, hostID: number) => [{ containerID: id, hostID, size: 1 }]
  return {
    ociVersion: "1.0.2",
    process: {
      terminal,
      // Who has one id cannot be given more groups.
      user: rootless ? { uid: user.uid, gid: user.gid } : user,
      args,
      env: [...added, ...[...variables].map(([name, value]) => `${name}=${value}`)],
      cwd: options.cwd ?? absolute(workingDir),
      capabilities,
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true
    },
    root: { path: "rootfs", readonly: options.readonly ?? false },
    hostname: options.hostname ?? "ociflow",
    mounts: [...mountsOf(rootless), ...volumeMounts(volumes)],
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    linux: {
      ...(rootless
        ? { uidMappings: mapping(user.uid, starter.uid), gidMappings: mapping(user.gid, starter.gid) }
        : { resources: { devices: [{ allow: false, access: "rwm" }] } }),
      namespaces: namespacesOf(rootless),
      maskedPaths,
      readonlyPaths
    }
  }
}
