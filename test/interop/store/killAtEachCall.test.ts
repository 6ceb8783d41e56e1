/**
 * A process dies before each single call that changes something on disk, one run for each call. What it was asked for is
 * asked for again, and the store is as if nothing had happened: rows, trees, documents, and nothing left over.
 * `EVERY` (8): every how many steps; the first is drawn by `SEED`.
 */
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { image, imageIndex, Prng, startRegistry } from "../../../src/testing/index.ts"
import {
  countOf,
  integrity,
  leftovers,
  randomOf,
  rows,
  seedOf,
  startPull,
  trees,
  type Wish
} from "../support/pulling.ts"
import { openScratch } from "../support/scratch.ts"

const every = countOf("EVERY", 8)
const random = randomOf(seedOf("every step"))
const layer = (seed: string) => ({
  files: { [`${seed}.bin`]: new Prng(seed).bytes(20_000), [`${seed}.txt`]: seed }
})

const killBeforeCall = join(import.meta.dirname, "../programs/killBeforeCall.cjs")

/** All but the insides of trees, what SQLite makes its file of, and empty files of locks. */
const kept = (root: string) =>
  readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => /^(?:references|documents|proofs|fingerprints|partial)\//.test(name))
    .sort()

const standing = (root: string) => ({
  rows: rows(root),
  trees: trees(root),
  kept: kept(root),
  integrity: integrity(root),
  leftovers: leftovers(root)
})

const asked = async (wish: Wish) => {
  const { ended, said } = startPull(wish)
  expect(await ended, JSON.stringify(said.at(-1))).toBe(0)
}

/**
 * Runs the wish as often as it has steps. `before` is the store that each run begins with, where it is not a new one;
 * `then` is asked for beside the wish after each death.
 */
const killAtEachCall = async (
  scratch: string,
  before: string | undefined,
  wish: Omit<Wish, "root">,
  then: Pick<Wish, "pruning"> = {}
) => {
  const fresh = (name: string) => {
    const root = join(scratch, name)
    rmSync(root, { recursive: true, force: true })
    if (before !== undefined) execFileSync("cp", ["-a", before, root])
    return root
  }
  const calm = fresh("calm")
  await asked({ ...wish, root: calm })
  const expected = standing(calm)
  let died = 0
  for (let step = 1 + Math.floor(random() * every); ; step += every) {
    const root = fresh("struck")
    const pulling = startPull({ ...wish, root }, ["--require", killBeforeCall], { DIES_AT: String(step) })
    let where = ""
    pulling.process.stderr?.setEncoding("utf8").on("data", (text) => {
      where += text
    })
    const [, end] = await Promise.all([once(pulling.process, "close"), pulling.ended])
    if (end !== "SIGKILL") break
    died += 1
    await asked({ ...wish, ...then, root })
    expect(standing(root), `step ${step}: ${where}`).toEqual(expected)
  }
  return died
}

test("a first pull, an index of two platforms", { timeout: 900_000 }, async () => {
  const made = await imageIndex([
    await image({ layers: [layer("base"), layer("one")], platform: "linux/amd64" }),
    await image({ layers: [layer("base"), layer("two")], platform: "linux/arm64" })
  ])
  await using registry = await startRegistry({ images: { "app:1": made } })
  using scratch = openScratch("steps")
  const wish = { references: [registry.reference("app:1")], pull: { platform: "linux/arm64" } }
  const died = await killAtEachCall(scratch.path, undefined, wish)
  console.log(`first pull: ${died} died`)
  expect(died).toBeGreaterThan(100 / every / 4)
})

test("a tag that has moved", { timeout: 900_000 }, async () => {
  const [old, next] = [
    await image({ layers: [layer("base"), layer("old")] }),
    await image({ layers: [layer("base"), layer("new")] })
  ]
  await using registry = await startRegistry({ images: { "app:1": old, "other:1": old } })
  using scratch = openScratch("steps")
  const before = join(scratch.path, "before")
  const references = [registry.reference("app:1")]
  await asked({ root: before, references: [...references, registry.reference("other:1")] })
  registry.add("app:1", next)
  // The record of what the tag named before goes after the rows: where its removal failed, with the next cleaning up.
  const wish = { references, pull: { policy: "always" } } as const
  const died = await killAtEachCall(scratch.path, before, wish, { pruning: true })
  console.log(`moved tag: ${died} died`)
  expect(died).toBeGreaterThan(100 / every / 4)
})

test("a removal", { timeout: 900_000 }, async () => {
  const images = {
    "a:1": await image({ layers: [layer("base"), layer("a")] }),
    "b:1": await image({ layers: [layer("base")] })
  }
  await using registry = await startRegistry({ images })
  using scratch = openScratch("steps")
  const before = join(scratch.path, "before")
  const [a, b] = [registry.reference("a:1"), registry.reference("b:1")]
  await asked({ root: before, references: [a, b] })
  const died = await killAtEachCall(scratch.path, before, { references: [], removing: [a], pruning: true })
  console.log(`removal: ${died} died`)
  expect(died).toBeGreaterThan(50 / every / 4)
})
