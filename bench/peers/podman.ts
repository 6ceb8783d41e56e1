import { dirname } from "node:path"
import type { Peer } from "./Peer.ts"
import type { Place } from "./Place.ts"

export const podman = (place: Place): Peer => ({
  name: place.named("podman"),
  how: "podman pull, as root, overlay storage of its own",
  version: () => place.version("podman", "--version"),
  zstd: true,
  prepare: ({ out }) => place.open(dirname(out)),
  command: ({ registry, image, out }) => ({
    argv: place.argv(
      ...(["podman", "--root", `${out}/root`, "--runroot", `${out}/run`, "--tmpdir", `${out}/tmp`] as const),
      ...["--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--events-backend", "none"],
      ...["pull", "-q", "--tls-verify=false", `${registry}/${image}:latest`]
    )
  })
})
