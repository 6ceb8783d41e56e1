/**
 * Eight processes pull four images that share layers into one store, and one of them is killed. Each blob is downloaded
 * once, no row is lost, no lock stays, no tree is wrong. `ROUNDS` (1), `SEED`.
 */
import { readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { expect, test } from "vitest"
import { image, startRegistry } from "../../../src/testing/index.ts"
import { randomLayer } from "../../support/randomLayer.ts"
import { countOf, integrity, leftovers, randomOf, rows, seedOf, startPull, trees } from "../support/pulling.ts"
import { openScratch } from "../support/scratch.ts"

const rounds = countOf("ROUNDS", 1)

test(`${rounds} rounds of eight processes, one of them killed`, { timeout: 3_600_000 }, async () => {
  const random = randomOf(seedOf("rivals"))
  const shared = [randomLayer("base", 6_000_000), randomLayer("tools", 3_000_000)]
  const names = ["a", "b", "c", "d"]
  const images = await Promise.all(names.map((name) => image({ layers: [...shared, randomLayer(name, 2_000_000)] })))
  await using registry = await startRegistry({
    images: Object.fromEntries(names.map((name, at) => [`${name}:1`, images[at] ?? expect.unreachable()]))
  })
  const digests = new Set(images.flatMap(({ manifests }) => manifests[0]?.layers.map(({ digest }) => digest) ?? []))
  expect(digests.size).toBe(6)
  const references = names.map((name) => registry.reference(`${name}:1`))
  using scratch = openScratch("rivals")
  const home = scratch.path
  const calm = join(home, "calm")
  const began = performance.now()
  expect(await startPull({ root: calm, references }).ended).toBe(0)
  const whole = performance.now() - began
  const expected = { rows: rows(calm), trees: trees(calm) }

  let [struck, twice, waited] = [0, 0, 0]
  for (let round = 0; round < rounds; round++) {
    const root = join(home, `round-${round}`)
    registry.log.clear()
    const pulls = Array.from({ length: 8 }, (_, at) =>
      startPull({ root, references: [references[at % 4] ?? "", references[(at + 1) % 4] ?? ""] })
    )
    const victim = pulls[Math.floor(random() * pulls.length)]
    await wait(random() * whole * 3)
    victim?.process.kill("SIGKILL")
    const codes = await Promise.all(pulls.map(({ ended }) => ended))
    const dead = codes.filter((code) => code === "SIGKILL").length
    expect(codes.filter((code) => code === 0)).toHaveLength(8 - dead)
    struck += dead
    waited += pulls.flatMap(({ said }) => said).filter(({ _tag }) => _tag === "LayerWaiting").length
    // Every image is some survivor's, too.
    expect(rows(root)).toBe(expected.rows)
    expect(trees(root)).toEqual(expected.trees)
    expect(integrity(root)).toBe("ok")
    for (const digest of digests) {
      const requests = registry.log.where({ kind: "blob", reference: digest })
      // Only the one that the dead process had in hand is asked for again, and from where it stood.
      expect(requests.length).toBeLessThanOrEqual(1 + dead)
      twice = Math.max(twice, registry.log.repeated(digest))
    }
    expect(
      registry.log.where({ kind: "blob", state: "finished" }).filter(({ start }) => start === 0).length
    ).toBeGreaterThan(0)
    // One more takes nothing from the network, so no lock is in its way; and it sweeps what the dead one left.
    registry.log.clear()
    expect(await startPull({ root, references, pruning: true }).ended).toBe(0)
    expect(registry.log.count({ kind: "blob" })).toBe(0)
    expect(leftovers(root).filter((name) => !name.endsWith(".lock"))).toEqual([])
    expect(readdirSync(join(root, "locks"))).toEqual([])
    rmSync(root, { recursive: true })
    if (process.env["ROUNDS"] !== undefined)
      console.log(`round ${round}: ${struck} killed, ${twice} bytes twice at most`)
  }
  console.log(`${rounds} rounds: ${struck} killed, ${waited} waits, at most ${twice} bytes of a blob twice`)
  expect(twice).toBeLessThan(8 * 2 ** 20)
})
