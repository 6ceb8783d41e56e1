import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { gunzipSync } from "node:zlib"
import { image, tableLayer } from "../../src/testing/index.ts"
import type { Bench } from "../Bench.ts"
import { measure, versionOf } from "../measure/Command.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { imagesDir, type LocalRegistry, layersOf, startLocalRegistry } from "../measure/LocalRegistry.ts"
import { random, shuffle, spread } from "../measure/statistics.ts"
import { ociflowCat, otherReaders, type WantedFile } from "../peers/fileOfImage.ts"
import { here } from "../peers/ociflow.ts"
import type { Job } from "../peers/Peer.ts"

export const question =
  "What does one file of an image at a registry cost, with nothing of it in the store: bytes, and time?"

interface Case extends WantedFile {
  readonly image: string
  readonly where: string
}

const release = { path: "/etc/os-release", member: "usr/lib/os-release" }
const cases: ReadonlyArray<Case> = [
  { image: "debian", where: "its only layer", ...release },
  { image: "nodeapp", where: "the lowest of 6 layers", ...release },
  {
    ...{ image: "nodeapp", where: "the highest of 6 layers" },
    ...{ path: "/usr/local/bin/docker-entrypoint.sh", member: "usr/local/bin/docker-entrypoint.sh" }
  }
]

interface Answer {
  readonly text: string
  /** Milliseconds. */
  readonly wall: number
  /** Bytes. */
  readonly sent: number
}

type Way = (job: Job, file: WantedFile) => Promise<Answer>

const script = fileURLToPath(new URL("../processes/readFile.mjs", import.meta.url))

/** In a process that has read a file of another image before. */
const within =
  (counts: string, form: string, partial: boolean): Way =>
  async ({ registry, image, out }, { path }) => {
    const other = image === "debian" ? "nodeapp" : "debian"
    const order = {
      ...{ tree: here, root: out, counts, call: { partial }, path },
      reference: `${registry}/${image}${form}:latest`,
      before: { reference: `${registry}/${other}${form}:latest`, path: release.path }
    }
    const { stdout } = await measure({ argv: [process.execPath, script, JSON.stringify(order)] })
    return JSON.parse(stdout) as Answer
  }

/** The layers of `debian` in eStargz, which no program of Debian makes. */
const provideStargz = async ({ host, push }: LocalRegistry): Promise<void> => {
  const [layer] = await layersOf(host, "debian")
  const blob = join(imagesDir(), "oci/debian/blobs", ...(layer?.digest ?? "").split(":"))
  const archive = gunzipSync(await readFile(blob))
  await push("debian-estargz", await image({ layers: [await tableLayer(archive, { form: "estargz" })] }))
}

const waysOf = async ({ counts }: LocalRegistry): Promise<ReadonlyMap<string, Way>> => {
  const written = async () => Number(/^wchar: (\d+)/m.exec(await readFile(counts, "utf8"))?.[1])
  const ways = new Map<string, Way>()
  const partial = "--partial"
  const ours = [
    ociflowCat("ociflow cat"),
    ociflowCat("ociflow cat --partial, zstd:chunked", "-chunked", partial),
    ociflowCat("ociflow cat --partial, eStargz", "-estargz", partial)
  ]
  const podman = await versionOf("podman", "--version")
  for (const { name, command } of [...ours, ...otherReaders]) {
    if (name.startsWith("podman") && podman === undefined) continue
    ways.set(name, async (job, file) => {
      const already = await written()
      const { stdout, wall } = await measure(command(job, file))
      return { text: stdout, wall: wall * 1000, sent: (await written()) - already }
    })
  }
  ways.set("readFile, in process", within(counts, "", false))
  return ways.set("readFile with partial, zstd:chunked, in process", within(counts, "-chunked", true))
}

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  await using registry = await startLocalRegistry()
  for (const name of ["debian", "debian-chunked", "nodeapp", "nodeapp-chunked"]) await registry.provide(name)
  await provideStargz(registry)
  const [disk, ways, next] = [await bench.disk(), await waysOf(registry), random(bench.options.seed)]
  const figures: Array<Figure> = []
  for (const { image, where, ...file } of cases.filter((it) => bench.options.images?.includes(it.image) ?? true)) {
    const layers = await layersOf(registry.host, image)
    const able = [...ways].filter(
      ([name]) =>
        (image === "debian" || !name.includes("eStargz")) &&
        (bench.options.peers?.some((peer) => name.includes(peer)) ?? true)
    )
    const answers = new Map<string, Array<Answer>>(able.map(([name]) => [name, []]))
    // The first round warms the page cache.
    for (let round = -1; round < bench.rounds(5); round++)
      for (const [name, way] of shuffle(able, next)) {
        const out = await disk.fresh()
        const answer = await way({ registry: registry.host, image, layers, out }, file)
        await disk.remove(out)
        if (round >= 0) answers.get(name)?.push(answer)
      }
    const texts = new Set([...answers.values()].flat().map(({ text }) => text))
    if (texts.size > 1) throw new Error(`${image}: ${file.path} is not the same by all ways`)
    for (const [name, all] of answers) {
      const what = `${file.path} of ${image}, ${where}: ${name}`
      figures.push(figure(`${what}`, "ms", spread(all.map(({ wall }) => wall))))
      figures.push(figure(`${what}, downloaded`, "MB", spread(all.map(({ sent }) => sent / 1e6))))
    }
  }
  return figures
}
