import { containerd } from "./containerd.ts"
import { modernTar, nodeTar, tarFs } from "./node.ts"
import type { Peer } from "./Peer.ts"
import { places } from "./Place.ts"
import { podman } from "./podman.ts"
import { seedRust } from "./seedRust.ts"
import { skopeoPigz, skopeoTar, umoci } from "./skopeo.ts"

export const peers: ReadonlyArray<Peer> = [
  seedRust,
  skopeoPigz,
  skopeoTar,
  ...places.flatMap((place) => [podman(place), containerd(place), umoci(place)]),
  nodeTar,
  modernTar,
  tarFs
]
