/** `npm run bench -- against`: ociflow and every peer on this machine, image by image. */
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Bench } from "../Bench.ts"
import { machine } from "../measure/Machine.ts"
import { random } from "../measure/statistics.ts"
import { peers } from "../peers/index.ts"
import { ociflow, program } from "../peers/ociflow.ts"
import { filePeers } from "../peers/oneFile.ts"
import type { Peer } from "../peers/Peer.ts"
import * as cached from "../stages/cached.ts"
import * as delay from "../stages/delay.ts"
import * as pull from "../stages/pull.ts"
import * as start from "../stages/start.ts"
import * as zeros from "../stages/zeros.ts"
import { plot } from "./plot.ts"
import { pullsInTurn } from "./pullsInTurn.ts"
import type { Result } from "./Result.ts"
import { report } from "./report.ts"

/** So many rounds that an image takes some minutes with all peers. */
const usualRounds: Readonly<Record<string, number>> = { small: 11, debian: 7 }
const images = ["small", "debian", "nodeapp", "nodeapp-zstd", "bigfile"]
/** Those that are made one file, too. */
const asFile = ["debian", "nodeapp"]

const present = async (candidates: ReadonlyArray<Peer>) => {
  const found = []
  // One at a time: asking for a version mounts a root file system.
  for (const peer of candidates) found.push({ peer, version: await peer.version() })
  const absent = found.filter(({ version }) => version === undefined).map(({ peer }) => peer.name)
  if (absent.length > 0) console.error(`Not on this machine: ${absent.join(", ")}`)
  return found.flatMap(({ peer, version }) => (version === undefined ? [] : [{ peer, version }]))
}

const keep = async (result: Result, out: string): Promise<void> => {
  await mkdir(out, { recursive: true })
  await writeFile(join(out, "against.json"), `${JSON.stringify(result)}\n`)
}

/** Writes JSON, Markdown and the plot beside each other. */
export const publish = async (result: Result, out: string): Promise<void> => {
  await keep(result, out)
  await writeFile(join(out, "against.md"), `${report(result)}\n`)
  await writeFile(join(out, "against.svg"), plot(result))
  console.log(report(result))
  console.error(`against.json, against.md and against.svg are in ${out}`)
}

export const republish = async (file: string, out: string): Promise<void> =>
  publish(JSON.parse(await readFile(file, "utf8")) as Result, out)

export const against = async (bench: Bench): Promise<void> => {
  const { options } = bench
  const isWanted = ({ name }: Peer) => options.peers?.some((part) => name.includes(part)) ?? true
  const wanted = peers.filter(isWanted)
  const others = options.nodes.flatMap(({ path, label }) => [
    ociflow(`ociflow, ${label}`, path),
    program(`a program with ociflow, ${label}`, path)
  ])
  const all = await present([ociflow(), program(), ...others, ...wanted])
  // Ours are the measure of the others, and so always there.
  const files = await present(filePeers.filter((peer) => peer.name.startsWith("ociflow") || isWanted(peer)))
  const next = random(options.seed)
  const disk = await bench.disk()
  const done: Array<Awaited<ReturnType<typeof pullsInTurn>> & { readonly name: string }> = []
  const inFiles: Array<Pick<Awaited<ReturnType<typeof pullsInTurn>>, "runs" | "failures">> = []
  for (const image of options.images ?? images) {
    const turns = {
      image,
      registry: await bench.registry(image),
      peers: all.map(({ peer }) => peer),
      rounds: bench.rounds(usualRounds[image] ?? 5)
    }
    done.push({ name: image, ...(await pullsInTurn({ ...turns, disk, next })) })
    if (!asFile.includes(image)) continue
    const { runs, failures } = await pullsInTurn({ ...turns, peers: files.map(({ peer }) => peer), disk, next })
    inFiles.push({ runs, failures })
  }
  const out = options.out ?? "bench/results"
  const result: Result = {
    machine: await machine(),
    date: new Date().toISOString().slice(0, 10),
    disk: disk.kind,
    seed: options.seed,
    peers: [...all, ...files].map(({ peer: { name, how, kind }, version }) => ({
      ...{ name, how, version },
      ...(kind === undefined ? {} : { kind })
    })),
    images: done.map(({ name, layers }) => ({
      name,
      layers: layers.length,
      bytes: layers.reduce((sum, { size }) => sum + size, 0)
    })),
    runs: [...done, ...inFiles].flatMap(({ runs }) => runs),
    failures: [...done, ...inFiles].flatMap(({ failures }) => failures),
    figures: []
  }
  // The stages take some minutes more: what the pulls took an hour for is safe by then.
  await keep(result, out)
  const figures = []
  // Of their own images, which are what the targets are about.
  await using own = new Bench({ ...options, images: undefined })
  for (const stage of [pull, cached, delay, start, zeros]) {
    if (!options.quick) figures.push(...(await stage.run(own)))
  }
  await publish({ ...result, figures }, out)
}
