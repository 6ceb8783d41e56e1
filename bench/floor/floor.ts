/** `npm run bench -- floor`: each part of a pull's work by the leanest program for it. How many times that are we? */
import { mkdir } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Bench } from "../Bench.ts"
import { type Command, measure, run, versionOf } from "../measure/Command.ts"
import { layersOf } from "../measure/LocalRegistry.ts"
import { pullProcess } from "../measure/pullProcess.ts"
import { quantile } from "../measure/statistics.ts"
import { counted, digits, table } from "../measure/table.ts"
import { writeFileList } from "./fileList.ts"

const source = fileURLToPath(new URL("files.c", import.meta.url))

const shell = (script: string, env: Readonly<Record<string, string>>): Command => ({
  argv: ["sh", "-euc", script],
  env
})

/** The fastest inflater that is here. */
const inflater = async (zstd: boolean): Promise<string> => {
  if (zstd) return "zstd -dcq"
  return (await versionOf("libdeflate-gunzip", "-V")) === undefined ? "pigz -dc" : "libdeflate-gunzip -c"
}

interface Cost {
  readonly wall: number
  readonly cpu: number
}

const floorOf = async (bench: Bench, image: string) => {
  const disk = await bench.disk()
  const registry = await bench.registry(image)
  const layers = await layersOf(registry, image)
  const names = layers.map(({ digest }) => digest.slice(7))
  const inflate = await inflater(layers.some(({ mediaType }) => mediaType.endsWith("zstd")))
  const held = await disk.fresh()
  await mkdir(held)
  const env = {
    NAMES: names.join(" "),
    HELD: held,
    BASE: `http://${registry}/v2/${image}/blobs/sha256:`,
    INFLATE: inflate
  }
  await run(
    shell('for n in $NAMES; do curl -fsS -o "$HELD/$n" "$BASE$n"; $INFLATE <"$HELD/$n" >"$HELD/$n.tar"; done', env)
  )
  await run({ argv: ["cc", "-O2", "-o", join(held, "files"), source] })
  let entries = 0
  for (const name of names) entries += await writeFileList(join(held, `${name}.tar`), join(held, `${name}.list`))
  const out = await disk.fresh()
  const parts: Readonly<Record<string, Command>> = {
    "curl, to nowhere": shell('for n in $NAMES; do curl -fsS -o /dev/null "$BASE$n"; done', env),
    "sha256sum of the blobs": shell('cd "$HELD"; sha256sum $NAMES', env),
    [`${inflate}, to nowhere`]: shell('for n in $NAMES; do $INFLATE <"$HELD/$n" >/dev/null; done', env),
    "sha256sum of the archives": shell('cd "$HELD"; for n in $NAMES; do sha256sum "$n.tar"; done', env),
    "the files, by a C program": shell(
      'mkdir "$OUT"; for n in $NAMES; do mkdir "$OUT/$n"; "$HELD/files" "$OUT/$n" <"$HELD/$n.list"; done',
      { ...env, OUT: out }
    )
  }
  const samples = new Map<string, Array<Cost>>()
  const ours: Array<Cost> = []
  for (let round = 0; round < bench.rounds(5); round++) {
    for (const [name, command] of Object.entries(parts)) {
      await run({ argv: ["sync", "-f", disk.path] })
      const { wall, user, system } = await measure(command)
      samples.set(name, [...(samples.get(name) ?? []), { wall, cpu: user + system }])
      await disk.remove(out)
    }
    const root = await disk.fresh()
    const { wall, user, system } = await pullProcess({ root, references: [`${registry}/${image}:latest`] })
    ours.push({ wall, cpu: user + system })
    await disk.remove(root)
  }
  await disk.remove(held)
  const median = (costs: ReadonlyArray<Cost>): Cost => ({
    wall: quantile(
      costs.map(({ wall }) => wall),
      0.5
    ),
    cpu: quantile(
      costs.map(({ cpu }) => cpu),
      0.5
    )
  })
  return {
    entries,
    layers: layers.length,
    parts: [...samples].map(([name, costs]) => ({ name, ...median(costs) })),
    ours: median(ours)
  }
}

export const floor = async (bench: Bench): Promise<void> => {
  for (const image of bench.options.images ?? ["debian", "nodeapp", "bigfile"]) {
    const { entries, layers, parts, ours } = await floorOf(bench, image)
    const cpu = parts.reduce((sum, part) => sum + part.cpu, 0)
    const wall = parts.reduce((sum, part) => sum + part.wall, 0)
    const cores = availableParallelism()
    // One core after the other cannot be beaten by less than all of them at once.
    const rows = parts.map((part) => [part.name, digits(part.cpu), digits(part.wall)])
    rows.push(["**the floor**: their sum", digits(cpu), digits(wall)])
    rows.push([`the floor, over ${cores} cores evenly`, digits(cpu), digits(wall / cores)])
    rows.push(["ociflow, whole process", digits(ours.cpu), digits(ours.wall)])
    rows.push(["**ociflow / floor**", `×${digits(ours.cpu / cpu)}`, `×${digits(ours.wall / (wall / cores))}`])
    console.log(`\n## ${image}: ${counted(layers, "layer")}, ${entries} entries\n`)
    console.log(table(["", "CPU, s", "wall, s"], rows))
  }
}
