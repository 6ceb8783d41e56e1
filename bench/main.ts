/** `npm run bench`: see `usage` in Options.ts, and README.md for what a figure means. */
import { execFileSync } from "node:child_process"
import { readdir } from "node:fs/promises"
import { Bench, type Stage } from "./Bench.ts"
import { figuresTable } from "./measure/Figure.ts"
import { describeMachine, machine } from "./measure/Machine.ts"
import { parseOptions, UsageError, usage } from "./Options.ts"

const stageNames = async (): Promise<ReadonlyArray<string>> =>
  (await readdir(new URL("stages", import.meta.url)))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -3))
    .sort()

const load = async (name: string): Promise<Stage> => (await import(`./stages/${name}.ts`)) as Stage

const runStages = async (bench: Bench, names: ReadonlyArray<string>): Promise<void> => {
  const known = await stageNames()
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new UsageError(`no stage ${unknown}; there are ${known.join(", ")}`)
  for (const name of names.length === 0 ? known : names) {
    const stage = await load(name)
    console.log(`\n## ${name}\n\n${stage.question}\n\n${figuresTable(await stage.run(bench))}`)
  }
}

const list = async (): Promise<void> => {
  for (const name of await stageNames()) console.log(`${name.padEnd(12)} ${(await load(name)).question}`)
}

/** Loaded when asked for: a stage's figures shall not depend on what else the suite can do. */
const command = async (bench: Bench, [name, ...rest]: ReadonlyArray<string>): Promise<void> => {
  const one = () => {
    if (rest[0] === undefined) throw new UsageError(`${name} wants one argument`)
    return rest[0]
  }
  if (name === "against") return (await import("./against/against.ts")).against(bench)
  if (name === "report") return (await import("./against/against.ts")).republish(one(), bench.options.out ?? ".")
  if (name === "compare") return (await import("./compare/compare.ts")).compare(bench, one())
  if (name === "mine") return (await import("./mine.ts")).mine(bench, one())
  if (name === "hostile") return (await import("./hostile/hostile.ts")).hostile(bench, rest)
  if (name === "floor") return (await import("./floor/floor.ts")).floor(bench)
  if (name === "profile") return (await import("./profile.ts")).profile(bench, one())
  if (name === "growth") return (await import("./growth.ts")).growth(bench, rest)
  if (name === "list") return list()
  return runStages(bench, bench.options.names)
}

const main = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseOptions(args)
  if (options.cores !== undefined) {
    execFileSync("taskset", ["-a", "-p", "-c", `0-${options.cores - 1}`, String(process.pid)], { stdio: "ignore" })
  }
  if (options.names[0] !== "list" && options.names[0] !== "report") console.log(describeMachine(await machine()))
  const bench = new Bench(options)
  try {
    await command(bench, options.names)
  } finally {
    await bench[Symbol.asyncDispose]()
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const misused = error instanceof UsageError || (error instanceof TypeError && "code" in error)
  console.error(misused ? `${(error as Error).message}\n\n${usage}`.trim() : error)
  process.exitCode = misused ? 2 : 1
})
