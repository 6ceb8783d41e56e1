/**
 * The store under everything at once. `npm run soak`: in each round several processes act on one store, drawn from the
 * seed: pulls in every layout and ownership, moving tags, kills, stops, signals, a registry that misbehaves, removals,
 * prunes, holds, verifications, the command. Then all is quiet, and everything that must hold is looked at (check.ts).
 *
 * SEED, ROUNDS (3), PROCESSES (4), ACTS (5, of each process), MINUTES (no further round after so many), SCRIPT (a file: runs
 * that round only, ROUNDS times). What is violated is told with the seed and the shortest script that shows it, which is
 * looked for as long as SHRINK (60) seconds; the store as it was before that round, and the script, stay in a directory.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { open } from "../../src/client.ts"
import { Prng, startRegistry, type TestImage, type TestRegistry } from "../../src/testing/index.ts"
import { countOf, seedOf, sqlite } from "../interop/support/pulling.ts"
import { openScratch } from "../interop/support/scratch.ts"
import { check, checkRebuilt, listed, type References, treesIn } from "./check.ts"
import { makeImages, moving, versions } from "./images.ts"
import { type Ended, type Ground, runScript } from "./runScript.ts"
import { type Act, drawScript, forms, type Script, shorter, tell } from "./Script.ts"

const seed = seedOf("soak")
const [rounds, processes, acts] = [countOf("ROUNDS", 3), countOf("PROCESSES", 4), countOf("ACTS", 5)]
const [minutes, shrinking] = [countOf("MINUTES", 24 * 60), countOf("SHRINK", 60)]
const given = process.env["SCRIPT"]

const copy = (from: string, to: string) => {
  rmSync(to, { recursive: true, force: true })
  if (existsSync(from)) execFileSync("cp", ["-a", from, to])
}

/** The tree of each image in each form, made by an undisturbed pull. */
const makeReferences = async (
  root: string,
  registry: TestRegistry,
  images: ReadonlyMap<string, ReadonlyArray<TestImage>>
): Promise<References> => {
  const began = Date.now()
  for (const form of forms) {
    await using client = await open({ root, credentials: {}, ...form })
    for (const [name, all] of images)
      for (const image of all) {
        registry.add(name, image)
        await client.pull(registry.reference(name), { policy: "always", platform: "linux/amd64" })
      }
  }
  return { trees: treesIn(join(root, "layers")), began, ended: Date.now() }
}

const images = await makeImages(String(seed))
const [first = "", ...others] = [...images.keys()]
const drawing = { processes, acts, names: [first, ...others] as const, moving, versions }
using scratch = openScratch("soak")
await using registry = await startRegistry({})
const references = await makeReferences(join(scratch.path, "calm"), registry, images)
console.log(`${references.trees.size} trees of ${images.size} tags in ${forms.length} forms`)

/** A tag names its first version until it is moved. */
const settle = (tags: ReadonlyMap<string, number>) => {
  for (const [name, all] of images) {
    const image = all[tags.get(name) ?? 0]
    if (image !== undefined) registry.add(name, image)
  }
}

/** One round; what it violates. */
const runRound = async (home: string, script: Script, tags: Map<string, number>, rebuilding: boolean) => {
  const ground: Ground = { root: join(home, "store"), layout: join(home, "layout"), registry, images }
  settle(tags)
  const before = listed(ground.root)
  // So that prune may choose them, which spares what was used within the last minute.
  if (before.size > 0) sqlite(ground.root, "UPDATE images SET last_used_at = '2020-01-01T00:00:00.000Z'")
  const ran = await runScript(ground, script, tags)
  const problems = check(ground, references, before, ran)
  const rebuilt = rebuilding && problems.length === 0 && existsSync(join(ground.root, "oci.db"))
  return { ...ran, problems: [...problems, ...(rebuilt ? checkRebuilt(ground.root) : [])] }
}

/** Tries it as often as it may take; the kinds of things that are violated, without their digests. */
const kindOf = (problem: string) => problem.replace(/[0-9a-f]{16,}|\d+/g, "…").slice(0, 60)
const shows = async (script: Script, from: string, tags: ReadonlyMap<string, number>, kinds: ReadonlySet<string>) => {
  const home = join(scratch.path, "again")
  for (let tries = 0; tries < 3; tries++) {
    rmSync(home, { recursive: true, force: true })
    copy(from, home)
    mkdirSync(home, { recursive: true })
    const { problems } = await runRound(home, script, new Map(tags), true)
    if (problems.some((problem) => kinds.has(kindOf(problem)))) return true
  }
  return false
}

const shrink = async (
  script: Script,
  from: string,
  tags: ReadonlyMap<string, number>,
  problems: ReadonlyArray<string>
): Promise<{ readonly script: Script; readonly from: string; readonly isSeen: boolean }> => {
  const end = performance.now() + shrinking * 1000
  const kinds = new Set(problems.map(kindOf))
  const empty = join(scratch.path, "none")
  const start = (await shows(script, empty, tags, kinds)) ? empty : from
  if (start === from && !(await shows(script, from, tags, kinds))) return { script, from, isSeen: false }
  let shortest = script
  for (let found = true; found; ) {
    found = false
    for (const candidate of shorter(shortest)) {
      if (performance.now() > end) return { script: shortest, from: start, isSeen: true }
      if (!(await shows(candidate, start, tags, kinds))) continue
      shortest = candidate
      found = true
      break
    }
  }
  return { script: shortest, from: start, isSeen: true }
}

const report = async (
  round: number,
  script: Script,
  from: string,
  tags: ReadonlyMap<string, number>,
  problems: ReadonlyArray<string>
) => {
  console.error(`round ${round}, SEED=${seed}: violated\n${problems.map((it) => `  ${it}`).join("\n")}`)
  const shortest = await shrink(script, from, tags, problems)
  const kept = mkdtempSync(join(tmpdir(), "ociflow-soak-violation-"))
  const file = join(kept, "script.json")
  writeFileSync(file, JSON.stringify({ script: shortest.script, tags: [...tags] }, undefined, 1))
  const isFresh = shortest.from !== from
  if (!isFresh) copy(from, join(kept, "before"))
  console.error(
    [
      shortest.isSeen
        ? `the shortest script that shows it, ${isFresh ? "in an empty store" : `in the store ${join(kept, "before")}`}:`
        : "it was not seen again; the round was:",
      tell(shortest.script),
      `again: SEED=${seed} SCRIPT=${file} ROUNDS=20 npm run soak`
    ].join("\n")
  )
}

const counts = { acts: 0, killed: 0, failed: 0 }
const count = (ended: ReadonlyArray<Ended>) => {
  counts.acts += ended.length
  counts.killed += ended.filter(({ result }) => result === undefined).length
  counts.failed += ended.filter(({ result }) => result?.error !== undefined).length
}

const repeat = async (file: string) => {
  const { script, tags }: { script: Script; tags: Array<[string, number]> } = JSON.parse(readFileSync(file, "utf8"))
  let seen = 0
  for (let round = 0; round < rounds; round++) {
    const home = join(scratch.path, "home")
    rmSync(home, { recursive: true, force: true })
    copy(join(file, "../before"), home)
    mkdirSync(home, { recursive: true })
    const { problems } = await runRound(home, script, new Map(tags), true)
    for (const problem of problems) console.error(`round ${round}: ${problem}`)
    if (problems.length > 0) seen += 1
  }
  console.log(`${seen} of ${rounds} rounds violated something`)
  return seen
}

const soak = async () => {
  const [home, before] = [join(scratch.path, "home"), join(scratch.path, "before")]
  const end = performance.now() + minutes * 60_000
  const tags = new Map<string, number>()
  let violated = 0
  mkdirSync(home)
  let round = 0
  for (; round < rounds && performance.now() < end; round++) {
    const random = new Prng(`${seed} ${round}`)
    const script = drawScript(random, drawing)
    const then = new Map(tags)
    copy(home, before)
    const { ended, problems } = await runRound(home, script, tags, random.chance(0.5))
    count(ended)
    if (problems.length > 0) {
      violated += 1
      await report(round, script, before, then, problems)
      rmSync(home, { recursive: true })
      mkdirSync(home)
    }
    if ((round + 1) % 10 === 0) console.log(`${round + 1} rounds, ${violated} violated something`, counts)
  }
  // Undisturbed, every image in every form.
  const last = forms.map(
    (form): ReadonlyArray<Act> =>
      [...images.keys()].map((name) => ({ do: "pull", name, form, policy: "always", keepBlobs: false }))
  )
  const calm: Script = { processes: last, faults: [], moves: [] }
  const { problems } = await runRound(home, calm, tags, true)
  if (problems.length > 0) violated += 1
  for (const problem of problems) console.error(`the last pulls, SEED=${seed}: ${problem}`)
  console.log(`${round} rounds from the seed ${seed}, ${violated} violated something`, counts)
  return violated
}

process.exitCode = (await (given === undefined ? soak() : repeat(given))) === 0 ? 0 : 1
