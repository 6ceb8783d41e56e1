/** `npm run bench -- profile IMAGE`: the processor time of one pull, over all its threads, by what it was spent on. */
import { mkdir, readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Bench } from "./Bench.ts"
import { measure } from "./measure/Command.ts"
import { layersOf } from "./measure/LocalRegistry.ts"
import { digits, table } from "./measure/table.ts"
import { here } from "./peers/ociflow.ts"

interface Node {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string }
  readonly children?: ReadonlyArray<number>
}

/** What V8 writes: times in microseconds. */
interface Profile {
  readonly nodes: ReadonlyArray<Node>
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

const packageOf = (url: string): string | undefined => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
const ownFile = (url: string): string | undefined => /\/dist\/(.+)\.js$/.exec(url)?.[1]

/** A native function has no file: it counts to the Node module that called it. */
const placeOf = ({ callFrame: { functionName, url } }: Node, caller: Node | undefined): string => {
  if (functionName === "(idle)" || functionName === "(program)" || functionName === "(garbage collector)") {
    return functionName.slice(1, -1)
  }
  const dependency = packageOf(url)
  if (dependency !== undefined) return dependency
  const own = ownFile(url)
  if (own !== undefined) return `ociflow ${own}`
  if (url.startsWith("node:")) return `${url.replace("node:internal/", "node:")} ${functionName}`
  const parent = caller?.callFrame
  const from =
    parent === undefined
      ? ""
      : (packageOf(parent.url) ?? ownFile(parent.url) ?? parent.url.replace("node:internal/", "node:"))
  return `native ${functionName || "(anonymous)"} ← ${from}`
}

const spentIn = ({ nodes, samples, timeDeltas }: Profile): ReadonlyMap<string, number> => {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const callers = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)))
  const places = new Map(nodes.map((node) => [node.id, placeOf(node, callers.get(node.id))]))
  const spent = new Map<string, number>()
  samples.forEach((id, index) => {
    const place = byId.has(id) ? (places.get(id) ?? "") : "unknown"
    spent.set(place, (spent.get(place) ?? 0) + (timeDeltas[index] ?? 0) / 1e6)
  })
  return spent
}

export const profile = async (bench: Bench, image: string): Promise<void> => {
  const registry = await bench.registry(image)
  await layersOf(registry, image)
  const disk = await bench.disk()
  const [root, profiles] = [await disk.fresh(), await disk.fresh()]
  await mkdir(profiles)
  const script = fileURLToPath(new URL("processes/pull.mjs", import.meta.url))
  const preload = new URL("processes/profiled.mjs", import.meta.url).href
  const job = JSON.stringify({ tree: here, root, references: [`${registry}/${image}:latest`] })
  const done = await measure({
    argv: [process.execPath, "--import", preload, script, job],
    env: { PROFILES: profiles }
  })
  const cpu = done.user + done.system
  console.log(`\n## ${image}: ${digits(done.wall)} s, ${digits(cpu)} s of CPU, profiled\n`)
  const threads = new Map<string, Map<string, number>>()
  for (const file of (await readdir(profiles)).sort()) {
    const thread = file.startsWith("main") ? "The event loop" : "The workers"
    const spent = threads.get(thread) ?? new Map<string, number>()
    threads.set(thread, spent)
    for (const [place, seconds] of spentIn(JSON.parse(await readFile(join(profiles, file), "utf8")) as Profile)) {
      spent.set(place, (spent.get(place) ?? 0) + seconds)
    }
  }
  for (const [thread, spent] of threads) {
    const idle = spent.get("idle") ?? 0
    const busy = [...spent.values()].reduce((sum, seconds) => sum + seconds, 0) - idle
    const rows = [...spent]
      .filter(([place, seconds]) => place !== "idle" && seconds >= busy / 200)
      .sort((a, b) => b[1] - a[1])
      .slice(0, 25)
      .map(([place, seconds]) => [place, digits(seconds), `${((100 * seconds) / busy).toFixed(1)} %`])
    console.log(`### ${thread}: ${digits(busy)} s busy, ${digits(idle)} s idle\n`)
    console.log(`${table(["where", "s", "share"], rows)}\n`)
  }
  await disk.remove(root)
  await disk.remove(profiles)
}
