/** skopeo to download, and three ways to unpack what it brought. */
import { dirname } from "node:path"
import { versionOf } from "../measure/Command.ts"
import type { Job, Peer } from "./Peer.ts"
import type { Place } from "./Place.ts"

/** The digests come from outside, so that no parser of JSON is on the clock. */
const shell = (script: string, { registry, image, out, layers }: Job) => ({
  argv: ["sh", "-euc", script] as const,
  env: {
    IMAGE: `${registry}/${image}:latest`,
    OUT: out,
    LAYERS: layers.map(({ digest }) => digest.replace("sha256:", "")).join("\n"),
    INFLATE: layers.some(({ mediaType }) => mediaType.endsWith("zstd")) ? "zstd -dcq" : "pigz -dc"
  }
})

export const together = async (
  ...versions: ReadonlyArray<Promise<string | undefined>>
): Promise<string | undefined> => {
  const found = await Promise.all(versions)
  return found.every((version) => version !== undefined) ? found.join(" + ") : undefined
}

const download = 'mkdir -p "$OUT/layers"; skopeo copy -q --src-tls-verify=false "docker://$IMAGE" "dir:$OUT/dir"'

export const skopeoTar: Peer = {
  name: "skopeo + tar",
  how: "skopeo copy to a directory, then tar -x for each layer",
  version: () => together(versionOf("skopeo", "--version"), versionOf("tar", "--version")),
  zstd: true,
  command: (job) =>
    shell(
      `${download}; for l in $LAYERS; do mkdir "$OUT/layers/$l"; tar -xf "$OUT/dir/$l" -C "$OUT/layers/$l"; done`,
      job
    )
}

export const skopeoPigz: Peer = {
  name: "skopeo + pigz + tar ×2",
  how: "skopeo copy to a directory, then pigz -dc (zstd -dc for zstd) into tar -x, two layers at a time",
  version: () =>
    together(versionOf("skopeo", "--version"), versionOf("pigz", "--version"), versionOf("tar", "--version")),
  zstd: true,
  command: (job) =>
    shell(
      `${download}; printf '%s\\n' "$LAYERS" | xargs -P2 -I{} sh -c 'mkdir "$OUT/layers/{}" && $INFLATE <"$OUT/dir/{}" | tar -x -C "$OUT/layers/{}"'`,
      job
    )
}

export const umoci = (place: Place): Peer => ({
  name: place.named("umoci"),
  how: "skopeo copy to an OCI layout, then umoci raw unpack",
  version: async () => {
    const skopeo = await place.version("skopeo", "--version")
    return together(Promise.resolve(skopeo), place.version("umoci", "--version"))
  },
  zstd: false,
  prepare: ({ out }) => place.open(dirname(out)),
  command: (job) => {
    const { argv, env } = shell(
      'mkdir -p "$OUT"; skopeo copy -q --src-tls-verify=false "docker://$IMAGE" "oci:$OUT/oci:latest"; umoci raw unpack --image "$OUT/oci:latest" "$OUT/rootfs"',
      job
    )
    return { argv: place.argv(...argv), env }
  }
})
