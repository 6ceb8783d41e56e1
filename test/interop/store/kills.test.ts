/**
 * Kill -9 at random moments of pulls from docker-registry. After each, the next pull ends with the trees and rows of an
 * undisturbed one. `KILLS` (3), `IMAGE_NAMES` (debian), `LAYOUTS` (layers,erofs), `SEED`, `SCRATCH`.
 */
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { LayoutName } from "../../../src/api/config.ts"
import { type ByteProxy, countingProxy } from "../support/countingProxy.ts"
import { type DockerRegistry, startDockerRegistry } from "../support/dockerRegistry.ts"
import { countOf, integrity, leftovers, randomOf, rows, seedOf, sqlite, startPull, trees } from "../support/pulling.ts"
import { openScratch, type Scratch } from "../support/scratch.ts"

const images = (process.env["IMAGE_NAMES"] ?? "debian").split(",")
const layouts = (process.env["LAYOUTS"] ?? "layers,erofs").split(",") as ReadonlyArray<LayoutName>
const kills = countOf("KILLS", 3)

/**
 * What a process may have read and not kept when it dies: what is on its way to the file, of each of the layers that are
 * fetched at once, and the image's documents.
 */
const perLayer = 2 ** 19
const atOnce = 3

/** What one socket may hold that nobody has read. */
const socketBuffer = () => Number(readFileSync("/proc/sys/net/ipv4/tcp_rmem", "utf8").trim().split(/\s+/)[2])

let registry: DockerRegistry
let proxy: ByteProxy
let scratch: Scratch
beforeAll(async () => {
  registry = await startDockerRegistry({ images })
  proxy = await countingProxy(registry.port)
  scratch = openScratch("kills")
}, 900_000)
afterAll(async () => {
  await proxy.close()
  await registry[Symbol.asyncDispose]()
  scratch[Symbol.dispose]()
})

interface Asked {
  readonly reference: string
  readonly layout: LayoutName
}

/** Pulls, and gives the bytes that came for it. */
const fetchWhole = async (root: string, { reference, layout }: Asked) => {
  const before = proxy.ended()
  const { ended, said } = startPull({ root, references: [reference], options: { layout } })
  expect(await ended, JSON.stringify(said.at(-1))).toBe(0)
  await proxy.quiet()
  return proxy.ended() - before
}

/**
 * Pulls, and kills it after a while. It is stopped first, so that the kernel can be asked what of the bytes that came
 * nobody has read. `undefined` where it was through before.
 */
const fetchSome = async (root: string, { reference, layout }: Asked, millis: number) => {
  const before = proxy.ended()
  const pulling = startPull({ root, references: [reference], options: { layout } })
  await Promise.race([wait(millis), pulling.ended])
  pulling.process.kill("SIGSTOP")
  const { arrived, unread } = proxy.standing()
  const bytes = proxy.ended() - before + arrived
  pulling.process.kill("SIGKILL")
  const end = await pulling.ended
  await proxy.quiet()
  return end === "SIGKILL" ? { bytes, unread } : { bytes: proxy.ended() - before, unread: undefined }
}

for (const [name, layout] of images.flatMap((name) => layouts.map((layout) => [name, layout] as const))) {
  test(`${name}, ${layout}: ${kills} kills cost nothing but time`, { timeout: 7_200_000 }, async () => {
    const random = randomOf(seedOf("kills"))
    const asked = { reference: `127.0.0.1:${proxy.port}/${name}:latest`, layout }
    const calm = join(scratch.path, "calm")
    const began = performance.now()
    const undisturbed = await fetchWhole(calm, asked)
    const whole = performance.now() - began
    const expected = { rows: rows(calm), trees: trees(calm) }
    const layers = new Set(sqlite(calm, "SELECT digest FROM layers").map(({ digest }) => digest)).size
    rmSync(calm, { recursive: true })

    let [killed, stores] = [0, 0]
    /** Bytes a kill that came twice, at most: all of them, those in the kernel, and those that the dead process had read. */
    const most = { twice: 0, unread: 0, read: 0 }
    while (killed < kills) {
      const root = join(scratch.path, `store-${stores++}`)
      let [bytes, unread, since] = [0, 0, 0]
      // Some pulls are killed once, some many times before one is let through.
      do {
        const some = await fetchSome(root, asked, random() * whole)
        bytes += some.bytes
        // It was through: what came may be all there was to come.
        if (some.unread === undefined) break
        unread += some.unread
        most.unread = Math.max(most.unread, some.unread)
        killed += 1
        since += 1
      } while (random() < 0.5 && killed < kills)
      bytes += await fetchWhole(root, asked)
      expect(rows(root)).toBe(expected.rows)
      expect(trees(root)).toEqual(expected.trees)
      expect(integrity(root)).toBe("ok")
      expect(leftovers(root)).toEqual([])
      rmSync(root, { recursive: true })
      if (since > 0) {
        most.twice = Math.max(most.twice, (bytes - undisturbed) / since)
        most.read = Math.max(most.read, (bytes - unread - undisturbed) / since)
      }
      if (process.env["KILLS"] !== undefined) console.log(`${killed} killed`, most)
    }
    const [twice, inKernel, read] = [most.twice, most.unread, most.read].map(Math.round)
    console.log(
      `${name}, ${layout}: ${killed} died; of the bytes a kill that came twice, at most ${twice}: ` +
        `unread in the kernel ${inKernel}, read and not kept ${read}`
    )
    expect(most.read).toBeLessThan(Math.min(atOnce, layers) * perLayer)
    expect(most.twice).toBeLessThan(socketBuffer())
  })
}
