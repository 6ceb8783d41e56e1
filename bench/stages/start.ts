import { pathToFileURL } from "node:url"
import { image, startRegistry } from "../../src/testing/index.ts"
import type { Bench } from "../Bench.ts"
import { type Command, measure } from "../measure/Command.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { quantile, random, shuffle, spread } from "../measure/statistics.ts"
import { here } from "../peers/ociflow.ts"

export const question = "What does it cost to load ociflow, to open a client, and to start the command line?"

const program = (source: string): Command => ({ argv: [process.execPath, "--input-type=module", "-e", source] })

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const registry = JSON.stringify(pathToFileURL(`${here}/dist/registry.js`).href)
  await using served = await startRegistry({ images: { "app:1": await image() } })
  const tag = JSON.stringify(served.reference("app:1"))
  const library = JSON.stringify(pathToFileURL(`${here}/dist/index.js`).href)
  const disk = await bench.disk()
  const root = await disk.fresh()
  const command = (...args: ReadonlyArray<string>): Command => ({
    argv: [process.execPath, `${here}/dist/cli/main.js`, ...args]
  })
  const programs: Readonly<Record<string, Command>> = {
    empty: program(""),
    load: program(`import ${library}`),
    open: program(`import { open } from ${library}; await (await open({ root: ${JSON.stringify(root)} })).close()`),
    registry: program(`import ${registry}`),
    resolve: program(
      `import { openRegistry } from ${registry}; const reader = await openRegistry({ credentials: {} }); await reader.resolve(${tag}); process.exit(0)`
    ),
    parts: { argv: [process.execPath, `${here}/bench/processes/resolveByParts.mjs`, `${served.origin}/v2/app`, "1"] },
    version: command("--version"),
    images: command("images", "--root", root)
  }
  const walls = new Map<string, Array<number>>()
  const next = random(bench.options.seed)
  for (let round = -1; round < bench.rounds(21); round++) {
    for (const [name, one] of shuffle(Object.entries(programs), next)) {
      const { wall } = await measure(one)
      // The first round warms the page cache.
      if (round >= 0) walls.set(name, [...(walls.get(name) ?? []), wall * 1000])
    }
  }
  await disk.remove(root)
  const beyond = (name: string) => {
    const empty = walls.get("empty") ?? []
    return spread((walls.get(name) ?? []).map((wall, round) => wall - (empty[round] ?? quantile(empty, 0.5))))
  }
  return [
    figure("an empty program", "ms", spread(walls.get("empty") ?? [])),
    figure('import "ociflow" beyond an empty program', "ms", beyond("load")),
    figure("import and open() beyond an empty program", "ms", beyond("open")),
    figure('import "ociflow/registry" beyond an empty program', "ms", beyond("registry")),
    figure("import, openRegistry() and a tag resolved, beyond an empty program", "ms", beyond("resolve")),
    figure("the same requests by undici, Effect, its Schema and RxJS alone", "ms", beyond("parts")),
    figure("ociflow --version beyond an empty program", "ms", beyond("version")),
    figure("ociflow images, empty store, beyond an empty program", "ms", beyond("images"))
  ]
}
