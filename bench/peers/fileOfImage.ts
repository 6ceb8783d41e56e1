/** Ways to get one file of an image from a registry, with nothing of it on the disk. Each prints the file. */
import type { Command } from "../measure/Command.ts"
import { here } from "./ociflow.ts"
import type { Job } from "./Peer.ts"

export interface WantedFile {
  /** As a user writes it. */
  readonly path: string
  /** The same file as archives name it, whatever links lead to it. */
  readonly member: string
}

export interface FileReader {
  readonly name: string
  readonly command: (job: Job, file: WantedFile) => Command
}

/** The layers from the highest to the lowest. */
const shell = (script: string, { registry, image, out, layers }: Job, { member }: WantedFile): Command => ({
  argv: ["sh", "-euc", script],
  env: {
    IMAGE: `${registry}/${image}:latest`,
    BASE: `http://${registry}/v2/${image}`,
    OUT: out,
    MEMBER: member,
    LAYERS: layers
      .map(({ digest }) => digest.replace("sha256:", ""))
      .reverse()
      .join("\n")
  }
})

/** `form`: what the image's name ends with; only layers with a table are read in part. */
export const ociflowCat = (name: string, form = "", ...args: ReadonlyArray<string>): FileReader => ({
  name,
  command: ({ registry, image, out }, { path }) => ({
    argv: [
      ...([process.execPath, `${here}/dist/cli/main.js`, "cat", "--root", `${out}/store`] as const),
      ...[...args, `${registry}/${image}${form}:latest`, path]
    ]
  })
})

const byShell = (name: string, script: string): FileReader => ({
  name,
  command: (job, file) => shell(script, job, file)
})

const skopeoTar = byShell(
  "skopeo copy, tar -xO of each layer",
  'mkdir -p "$OUT"; skopeo copy -q --src-tls-verify=false "docker://$IMAGE" "dir:$OUT/dir"; for l in $LAYERS; do tar -xOf "$OUT/dir/$l" "$MEMBER" >"$OUT/file" 2>"$OUT/said" && break; done; cat "$OUT/file"'
)

/** Streams, and ends at the file: as fast as it gets without a table. It checks nothing. */
const curlTar = byShell(
  "curl, tar -xO --occurrence of each layer, no digests checked",
  'mkdir -p "$OUT"; curl -fsS -H "accept: application/vnd.oci.image.manifest.v1+json" "$BASE/manifests/latest" >"$OUT/manifest"; for l in $LAYERS; do curl -fs "$BASE/blobs/sha256:$l" | tar -xzO --occurrence=1 "$MEMBER" >"$OUT/file" 2>"$OUT/said" && break; done; cat "$OUT/file"'
)

const podmanCopy = byShell(
  "podman pull, create, cp",
  'podman() { command podman --root "$OUT/root" --runroot "$OUT/run" --tmpdir "$OUT/tmp" --storage-driver overlay --cgroup-manager cgroupfs --events-backend none "$@"; }; podman pull -q --tls-verify=false "$IMAGE" >"$OUT.said"; podman create --name one --network none "$IMAGE" /none >>"$OUT.said"; podman cp "one:/$MEMBER" "$OUT/file"; cat "$OUT/file"'
)

export const otherReaders: ReadonlyArray<FileReader> = [skopeoTar, curlTar, podmanCopy]
