/**
 * Kill -9 at random moments of pulls from docker-registry. After each, the next pull ends with the trees and rows of an
 * undisturbed one. `KILLS` (3), `IMAGE_NAMES` (debian), `SEED`.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type ByteProxy, countingProxy } from "../support/countingProxy.ts"
import { type DockerRegistry, startDockerRegistry } from "../support/dockerRegistry.ts"
import { countOf, integrity, leftovers, randomOf, rows, seedOf, startPull, trees } from "../support/pulling.ts"

const images = (process.env["IMAGE_NAMES"] ?? "debian").split(",")
const kills = countOf("KILLS", 3)

/** What a socket may hold that the dead process had not read, or not written to its store: the kernel's and ours. */
const perKill = 8 * 2 ** 20

let registry: DockerRegistry
let proxy: ByteProxy
let home: string
beforeAll(async () => {
  registry = await startDockerRegistry({ images })
  proxy = await countingProxy(registry.port)
  home = mkdtempSync(join(tmpdir(), "ociflow-kills-"))
}, 900_000)
afterAll(async () => {
  await proxy.close()
  await registry[Symbol.asyncDispose]()
  rmSync(home, { recursive: true, force: true })
})

for (const name of images) {
  test(`${name}: ${kills} kills cost nothing but time`, { timeout: 3_600_000 }, async () => {
    const random = randomOf(seedOf("kills"))
    const reference = `127.0.0.1:${proxy.port}/${name}:latest`
    const calm = join(home, "calm")
    const began = performance.now()
    expect(await startPull({ root: calm, references: [reference] }).ended).toBe(0)
    const whole = performance.now() - began
    const expected = { rows: rows(calm), trees: trees(calm) }
    const undisturbed = proxy.received()

    let twice = 0
    let struck = 0
    let root = join(home, "first")
    let sent = proxy.received()
    let since = 0
    const finish = async () => {
      const { ended, said } = startPull({ root, references: [reference] })
      expect(await ended, JSON.stringify(said.at(-1))).toBe(0)
      expect(rows(root)).toBe(expected.rows)
      expect(trees(root)).toEqual(expected.trees)
      expect(integrity(root)).toBe("ok")
      expect(leftovers(root)).toEqual([])
      const again = Math.max(0, proxy.received() - sent - undisturbed)
      twice = Math.max(twice, since === 0 ? 0 : again / since)
      rmSync(root, { recursive: true })
      if (process.env["KILLS"] !== undefined) console.log(`${struck} killed, ${Math.round(twice)} bytes twice at most`)
    }
    for (let kill = 0; kill < kills; kill++) {
      const pulling = startPull({ root, references: [reference] })
      await Promise.race([wait(random() * whole * 1.1), pulling.ended])
      pulling.process.kill("SIGKILL")
      if ((await pulling.ended) === "SIGKILL") {
        struck += 1
        since += 1
      }
      // Some pulls are killed once, some many times before one is let through.
      if (random() < 0.5 && kill < kills - 1) continue
      await finish()
      root = join(home, `after-${kill}`)
      sent = proxy.received()
      since = 0
    }
    console.log(`${name}: ${struck} of ${kills} died; at most ${Math.round(twice)} bytes a kill fetched twice`)
    expect(twice).toBeLessThan(perKill)
  })
}
