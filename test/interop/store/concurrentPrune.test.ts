/**
 * `rm` and `prune` in other processes while images that share layers are pulled: no pull fails for it, and when all is
 * quiet what is pulled is whole. `ROUNDS` (1), `SEED`.
 */
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { expect, test } from "vitest"
import { image, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { randomLayer } from "../../support/randomLayer.ts"
import { countOf, integrity, randomOf, rows, seedOf, startPull, trees } from "../support/pulling.ts"
import { openScratch } from "../support/scratch.ts"

const rounds = countOf("ROUNDS", 1)

test(`${rounds} rounds of cleaning up beside pulls`, { timeout: 3_600_000 }, async () => {
  const random = randomOf(seedOf("cleaning"))
  const names = ["a", "b", "c"]
  const images = await Promise.all(
    names.map((name) => image({ layers: [randomLayer("base", 2_000_000), randomLayer(name, 1_000_000)] }))
  )
  await using registry = await startRegistry({
    images: Object.fromEntries(names.map((name, at) => [`${name}:1`, images[at] ?? expect.unreachable()]))
  })
  const references = names.map((name) => registry.reference(`${name}:1`))
  using scratch = openScratch("cleaning")
  const home = scratch.path
  const calm = join(home, "calm")
  expect(await startPull({ root: calm, references }).ended).toBe(0)
  const expected = { rows: rows(calm), trees: trees(calm) }
  const root = join(home, "store")
  let [removed, pruned, deferred] = [0, 0, 0]
  for (let round = 0; round < rounds; round++) {
    const pulls = references.map((reference) => startPull({ root, references: [reference] }))
    const cleaners = [0, 1].map(async () => {
      await wait(random() * 600)
      const removing = references.filter(() => random() < 0.5)
      return startPull({ root, references: [], removing, pruning: true })
    })
    const started = await Promise.all(cleaners)
    for (const { ended, said } of [...pulls, ...started]) expect(await ended, JSON.stringify(said.at(-1))).toBe(0)
    for (const line of started.flatMap(({ said }) => said)) {
      if (line._tag === "Removed") removed += 1
      if (line._tag === "Pruned") pruned += 1
      if ("deferred" in line && line.deferred === true) deferred += 1
    }
    // What the catalogue names is there, all of it.
    await using client = await open({ root })
    expect((await client.verify()).faults).toEqual([])
    expect(integrity(root)).toBe("ok")
  }
  // Every image again: what is missing is fetched, what is there is right.
  expect(await startPull({ root, references }).ended).toBe(0)
  expect(await startPull({ root, references: [], pruning: true }).ended).toBe(0)
  expect(rows(root)).toBe(expected.rows)
  expect(trees(root)).toEqual(expected.trees)
  console.log(`${rounds} rounds: ${removed} removals, ${pruned} prunes, ${deferred} of both deferred`)
})
