import { versionOf } from "../measure/Command.ts"
import type { Peer } from "./Peer.ts"

export const podman: Peer = {
  name: "podman",
  how: "podman pull, as root, overlay storage of its own",
  version: () => versionOf("podman", "--version"),
  zstd: true,
  command: ({ registry, image, out }) => ({
    argv: [
      ...(["podman", "--root", `${out}/root`, "--runroot", `${out}/run`, "--tmpdir", `${out}/tmp`] as const),
      ...["--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--events-backend", "none"],
      ...["pull", "-q", "--tls-verify=false", `${registry}/${image}:latest`]
    ]
  })
}
