/**
 * `npm run bench -- hostile [NAME…]`: what hostile registries, images and files cost a process that pulls them. Each case
 * is a process of its own; its registry is here. What is printed is the table of docs/security.md.
 */
import { readdir } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import type { Bench } from "../Bench.ts"
import { measure } from "../measure/Command.ts"
import { digits, megabytes, table } from "../measure/table.ts"
import { here } from "../peers/ociflow.ts"
import type { HostileCase } from "./HostileCase.ts"

const script = fileURLToPath(new URL("../processes/hostile.mjs", import.meta.url))

/** Those that docs/configuration.md advises; the command line does the same for itself. */
const flags = ["--expose-gc", "--liftoff-only", "--max-semi-space-size=4"]

/** Milliseconds until a case that does not end is ended. */
const longest = 300_000

/** No case may pass these: megabytes, milliseconds. */
const bounds = { peak: 160, p99: 100 }

interface Inside {
  /** Tags of the reasons; `done` where it went well. */
  readonly ends: ReadonlyArray<string>
  readonly p99: number
  readonly max: number
}

const casesIn = async (): Promise<ReadonlyArray<HostileCase>> => {
  const folder = new URL("cases/", import.meta.url)
  const files = (await readdir(folder)).filter((file) => file.endsWith(".ts")).sort()
  const all: Array<HostileCase> = []
  for (const file of files) all.push(...((await import(new URL(file, folder).href)).cases as Iterable<HostileCase>))
  return all
}

const rowOf = async (bench: Bench, { name, serve, action = "pull", options = {} }: HostileCase) => {
  const disk = await bench.disk()
  const root = await disk.fresh()
  await using served = await serve()
  const job = JSON.stringify({
    tree: here,
    root,
    references: served.references,
    action,
    options
  })
  const done = await measure({ argv: [process.execPath, ...flags, script, job] }, longest).then(
    ({ stdout, peak }) => ({ ...(JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Inside), peak }),
    (error: Error) => ({ ends: [error.message.slice(0, 60)], p99: Number.NaN, max: Number.NaN, peak: Number.NaN })
  )
  await disk.remove(root)
  const passes = done.peak / 1e6 <= bounds.peak && done.p99 <= bounds.p99
  const ends = [...new Set(done.ends)].map((end) => (end === "done" ? "succeeds" : `\`${end}\``)).join(", ")
  const row = [name, ends, `${digits(done.p99)} ms`, `${digits(done.max)} ms`, `${megabytes(done.peak)} MB`]
  console.error(`${passes ? "within" : "ABOVE "}  ${row.join(", ")}`)
  return row
}

/** `names`: parts of the names of the cases that are run; none: all. */
export const hostile = async (bench: Bench, names: ReadonlyArray<string>): Promise<void> => {
  const chosen = (await casesIn()).filter(
    ({ name }) => names.length === 0 || names.some((part) => name.toLowerCase().includes(part.toLowerCase()))
  )
  const rows: Array<ReadonlyArray<string>> = []
  // What the others are held against stands first.
  const isHonest = ({ name }: HostileCase) => name.endsWith("for comparison")
  chosen.sort((a, b) => Number(isHonest(b)) - Number(isHonest(a)))
  for (const each of chosen) rows.push(await rowOf(bench, each))
  const head = ["hostile case", "ends with", "event-loop p99", "longest turn", "peak memory"]
  console.log(`\n${table(head, rows, 2)}`)
}
