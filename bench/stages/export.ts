import { join } from "node:path"
import type { Bench } from "../Bench.ts"
import { type Command, measure, versionOf } from "../measure/Command.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { random, shuffle, spread } from "../measure/statistics.ts"
import { here } from "../peers/ociflow.ts"

export const question = "How long does an image take from a registry into one file, and into one file by way of a tree?"

interface Way {
  readonly what: string
  readonly command: (image: string, out: string) => Command
}

const script = (text: string, image: string, out: string): Command => ({
  argv: ["sh", "-euc", text],
  env: { IMAGE: image, OUT: out }
})

const cli = join(here, "dist/cli/main.js")
const ours = (format: string): Way => ({
  what: `ociflow export, ${format}`,
  command: (image, out) => ({
    argv: [process.execPath, cli, "export", image, "--root", `${out}/store`, "--format", format, "-o", `${out}/image`]
  })
})
const pulled: Way = {
  what: "ociflow pull, a directory for each layer",
  command: (image, out) => ({ argv: [process.execPath, cli, "pull", image, "--root", `${out}/store`] })
}
const tree =
  'skopeo copy -q --src-tls-verify=false "docker://$IMAGE" "oci:$OUT/oci:latest"; umoci raw unpack --image "$OUT/oci:latest" "$OUT/tree"'
const umociErofs: Way = {
  what: "skopeo, umoci unpack, mkfs.erofs",
  command: (image, out) =>
    script(`${tree}; mkfs.erofs -E^inline_data "$OUT/image" "$OUT/tree" >"$OUT/said"`, image, out)
}
const umociSquash: Way = {
  what: "skopeo, umoci unpack, mksquashfs (zstd)",
  command: (image, out) =>
    script(`${tree}; mksquashfs "$OUT/tree" "$OUT/image" -quiet -no-progress -comp zstd`, image, out)
}

/** Those whose programs are here. */
const waysHere = async (): Promise<ReadonlyArray<Way>> => {
  const has = async (...argv: readonly [string, ...ReadonlyArray<string>]) => (await versionOf(...argv)) !== undefined
  const unpacks = (await has("skopeo", "--version")) && (await has("umoci", "--version"))
  return [
    ours("erofs"),
    ours("tar"),
    ours("docker-archive"),
    pulled,
    ...(unpacks && (await has("mkfs.erofs", "--version")) ? [umociErofs] : []),
    ...(unpacks && (await has("mksquashfs", "-version")) ? [umociSquash] : [])
  ]
}

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const disk = await bench.disk()
  const ways = await waysHere()
  const next = random(bench.options.seed)
  const figures: Array<Figure> = []
  for (const image of bench.options.images ?? ["debian", "nodeapp"]) {
    const registry = await bench.registry(image)
    const samples = new Map(
      ways.map((way) => [way, { wall: [] as Array<number>, cpu: [] as Array<number>, peak: [] as Array<number> }])
    )
    for (let round = 0; round < bench.rounds(5); round++)
      for (const [way, { wall, cpu, peak }] of shuffle([...samples], next)) {
        const out = await disk.fresh()
        const done = await measure(way.command(`${registry}/${image}:latest`, out))
        await disk.remove(out)
        wall.push(done.wall)
        cpu.push(done.user + done.system)
        peak.push(done.peak / 1e6)
      }
    for (const [{ what }, { wall, cpu, peak }] of samples)
      figures.push(
        figure(`${image}: ${what}`, "s", spread(wall)),
        figure(`${image}: ${what}, CPU`, "s", spread(cpu)),
        figure(`${image}: ${what}, peak memory`, "MB", spread(peak))
      )
  }
  return figures
}
