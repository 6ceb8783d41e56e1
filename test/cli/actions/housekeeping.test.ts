/** `rm`, `prune`, `du` and `verify` as processes, on a store that was pulled. */
import { execFile } from "node:child_process"
import { appendFile, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest"
import { image, startRegistry, type TestRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"

const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url))

// Processes start slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let registry: TestRegistry
let home: string
let root: string
/** Digests of the layers: one that both images have, and one of each. */
let digests: ReadonlyArray<string>

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-housekeeping-"))
  const base = { files: { base: "base" } }
  const [a, b] = [
    await image({ layers: [base, { files: { a: "a" } }] }),
    await image({ layers: [base, { files: { b: "b" } }] })
  ]
  digests = [...(a.manifests[0]?.layers ?? []), ...(b.manifests[0]?.layers.slice(1) ?? [])].map((it) => it.digest)
  registry = await startRegistry({ images: { "app:a": a, "app:b": b } })
})
afterAll(async () => {
  await registry.close()
  await rm(home, { recursive: true })
})

const ran = (...argv: ReadonlyArray<string>) =>
  new Promise<{ readonly code: unknown; readonly stdout: string; readonly stderr: string }>((resolve) => {
    execFile(process.execPath, [main, ...argv, "--root", root], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr })
    )
  })
const told = async (...argv: ReadonlyArray<string>) => JSON.parse((await ran(...argv, "--json")).stdout)
const trees = async () =>
  (await readdir(join(root, "layers"))).filter((name) => name.endsWith(".extracted")).map((it) => it.slice(0, -10))

beforeEach(async () => {
  root = await mkdtemp(join(home, "root-"))
  await using oci = await open({ root })
  for (const tag of ["a", "b"]) await oci.pull(registry.reference(`app:${tag}`))
})

test("rm gives back what only this image needed, and refuses what it does not know", async () => {
  const removed = await told("rm", registry.reference("app:a"))
  expect(removed).toMatchObject({ images: [registry.reference("app:a")], deferred: false })
  expect(removed.layers.map((it: { digest: string }) => it.digest)).toEqual([digests[1]])
  expect((await trees()).sort()).toEqual([digests[0], digests[2]].sort())
  const { code, stderr } = await ran("rm", registry.reference("app:a"))
  expect(code).toBe(1)
  expect(stderr).toContain("NotCached")
})

test("prune removes partial downloads and unused layers; --dry-run only tells of them", async () => {
  await mkdir(join(root, "partial"), { recursive: true })
  await writeFile(join(root, "partial", `sha256:${"c".repeat(64)}`), "half a blob")
  await mkdir(join(root, "layers", `sha256:${"d".repeat(64)}.extracted`))
  const dry = await told("prune", "--dry-run")
  expect(dry.layers).toHaveLength(1)
  expect(dry.partials).toHaveLength(1)
  expect(await trees()).toHaveLength(4)
  const { stdout } = await ran("prune")
  expect(stdout).toMatch(/layer +sha256:dddddddddddd/)
  expect(stdout).toMatch(/partial +sha256:cccccccccccc/)
  expect(stdout).toContain("Freed: ")
  expect((await trees()).sort()).toEqual([...digests].sort())
  expect(await readdir(join(root, "partial"))).toEqual([])
})

test.each([
  ["--keep", "lots", "a size, such as 500MB, 20GiB or a number of bytes"],
  ["--unused-for", "soon", "an age, such as 90s, 30m, 12h, 7d or 2w"],
  ["--partials-for", "7", "an age, such as 90s, 30m, 12h, 7d or 2w"]
])("prune %s %s ends with 2, removes nothing, and says what it expects", async (flag, value, expected) => {
  const { code, stderr } = await ran("prune", flag, value)
  expect(code).toBe(2)
  expect(stderr).toContain(`${flag}: "${value}"`)
  expect(stderr).toContain(expected)
  expect(await trees()).toHaveLength(3)
})

test("du counts each layer once, and says what each image would give back", async () => {
  const used = await told("du")
  expect(used).toMatchObject({ images: 2, layers: { count: 3 }, orphans: { count: 0 }, partials: { count: 0 } })
  const [a] = used.byImage
  expect(a.own).toBeGreaterThan(0)
  expect(a.own).toBeLessThan(a.bytes)
  expect((await ran("du")).stdout).toContain(registry.reference("app:b"))
})

test("verify ends with 1 and names what is gone; --repair pulls it again", async () => {
  expect(await ran("verify")).toMatchObject({ code: 0, stdout: "No differences from the catalogue.\n" })
  await rm(join(root, "layers", `${digests[1]}.extracted`), { recursive: true })
  const broken = await ran("verify")
  expect(broken.code).toBe(1)
  expect(broken.stdout).toContain("damaged")
  expect(broken.stdout).toContain(digests[1]?.slice(0, 19))
  expect(broken.stderr).toContain("StoreDamaged")
  const repaired = await ran("verify", "--repair")
  expect(repaired.code, repaired.stderr).toBe(0)
  expect(repaired.stdout).toContain("repaired")
  expect((await trees()).sort()).toEqual([...digests].sort())
})

test("verify names a tree that was changed, and says which ones it cannot judge", async () => {
  const path = join(root, "layers", `${digests[1]}.extracted`)
  await appendFile(join(path, "a"), "!")
  const broken = await ran("verify")
  expect(broken.code).toBe(1)
  expect(broken.stdout).toContain("the tree was changed since it was extracted")
  expect(broken.stdout).toContain(path)
  const repaired = await ran("verify", "--repair")
  expect(repaired.code, repaired.stderr).toBe(0)
  expect(repaired.stdout).toContain("repaired")
  await rm(join(root, "fingerprints", `${digests[1]}.extracted`))
  const { code, stdout } = await ran("verify")
  expect(code).toBe(0)
  expect(stdout).toContain("No differences from the catalogue.")
  expect(stdout).toMatch(/not known +sha256:/)
  expect(stdout).toContain(path)
})
