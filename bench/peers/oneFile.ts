/** Ways to get an image from a registry into one file that holds its tree, or its blobs; and, to compare, into a directory for each layer. */
import { versionOf } from "../measure/Command.ts"
import { here, ociflow } from "./ociflow.ts"
import type { Job, Peer } from "./Peer.ts"
import { together } from "./skopeo.ts"

const shell = (script: string, { registry, image, out, layers }: Job, ...args: ReadonlyArray<string>) => ({
  argv: ["sh", "-euc", script, "-", ...args] as const,
  env: {
    IMAGE: `${registry}/${image}:latest`,
    OUT: out,
    LAYERS: layers.map(({ digest }) => digest.replace("sha256:", "")).join("\n")
  }
})

const commandLine = [process.execPath, `${here}/dist/cli/main.js`]

const ours = (name: string, how: string, ...args: ReadonlyArray<string>): Peer => ({
  ...ociflow(name),
  how,
  kind: "file",
  command: (job) =>
    shell(
      'mkdir -p "$OUT"; exec "$@"',
      job,
      ...commandLine,
      ...args.map((it) => it.replace("OUT", job.out)),
      `${job.registry}/${job.image}:latest`
    )
})

const exported = (format: string) =>
  ours(
    `ociflow, ${format}`,
    `ociflow export --format ${format}`,
    ...["export", "--root", "OUT/store", "--format", format, "-o", "OUT/image"]
  )
const pulled = (layout: string) =>
  ours(
    `ociflow pull, ${layout}`,
    `ociflow pull --layout ${layout}, with the catalogue`,
    ...["pull", "--quiet", "--root", "OUT/store", "--layout", layout]
  )

/** What the others are compared with. */
export const firstFile = exported("erofs")

const umociErofs: Peer = {
  name: "umoci + mkfs.erofs",
  how: "skopeo copy to an OCI layout, umoci raw unpack, mkfs.erofs of the tree",
  kind: "file",
  version: () =>
    together(
      versionOf("skopeo", "--version"),
      versionOf("umoci", "--version"),
      // An older one prints its version, and then fails.
      versionOf("sh", "-c", "command -v mkfs.erofs >/dev/null && { mkfs.erofs --version || true; }")
    ),
  zstd: false,
  command: (job) =>
    shell(
      'mkdir -p "$OUT"; skopeo copy -q --src-tls-verify=false "docker://$IMAGE" "oci:$OUT/oci:latest"; umoci raw unpack --image "$OUT/oci:latest" "$OUT/tree"; mkfs.erofs -E^inline_data "$OUT/image" "$OUT/tree" >"$OUT/said"',
      job
    )
}

const tarSquash: Peer = {
  name: "skopeo + tar + mksquashfs",
  how: "skopeo copy to a directory, tar -x of all layers into one, whiteouts left as they are, mksquashfs (zstd)",
  kind: "file",
  version: () =>
    together(versionOf("skopeo", "--version"), versionOf("tar", "--version"), versionOf("mksquashfs", "-version")),
  zstd: true,
  command: (job) =>
    shell(
      'mkdir -p "$OUT/tree"; skopeo copy -q --src-tls-verify=false "docker://$IMAGE" "dir:$OUT/dir"; for l in $LAYERS; do tar -xf "$OUT/dir/$l" -C "$OUT/tree"; done; mksquashfs "$OUT/tree" "$OUT/image" -quiet -no-progress -comp zstd',
      job
    )
}

export const filePeers: ReadonlyArray<Peer> = [
  firstFile,
  exported("tar"),
  exported("docker-archive"),
  pulled("erofs"),
  pulled("layers"),
  umociErofs,
  tarSquash
]
