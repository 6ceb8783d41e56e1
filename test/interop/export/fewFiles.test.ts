/** An image of more layers than a process may have files open becomes one file, by the command. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest"
import { image, startRegistry, type TestRegistry } from "../../../src/testing/index.ts"
import { outputOf } from "../../support/outputOf.ts"

const main = join(import.meta.dirname, "../../../dist/cli/main.js")
const layers = 500

let home: string
let registry: TestRegistry
let runs = 0
let root: string
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-few-files-"))
  const contents = Array.from({ length: layers }, (_, at) => ({ files: { [`d/${at}`]: `layer ${at}` } }))
  registry = await startRegistry({ images: { "app:1": await image({ layers: contents }) } })
})
afterAll(async () => {
  await registry.close()
  rmSync(home, { recursive: true, force: true })
})
beforeEach(() => {
  root = join(home, `store-${runs++}`)
})

/** In a process that may open so many files. */
const run = async (most: number, ...args: ReadonlyArray<string>) => {
  const limited = `ulimit -n ${most}; exec "$@"`
  const call = [process.execPath, main, ...args, registry.reference("app:1"), "--root", root]
  const child = spawn("sh", ["-c", limited, "-", ...call], {
    env: { ...process.env, HOME: home },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const output = outputOf(child)
  const [code] = await once(child, "close")
  return { code, said: output.stderr }
}

const staging = () => join(root, "layers", ".staging")

/** Of trees, layers and temporary files. */
const inMaking = () => readdirSync(staging())

const names = (bytes: Buffer) => new Set(bytes.toString("latin1").match(/layer \d+/g))

test.each(["tar", "erofs"])("an export, %s", async (format) => {
  const out = join(home, `image.${format}`)
  const { code, said } = await run(256, "export", "--format", format, "-o", out)
  expect(said).toBe("")
  expect(code).toBe(0)
  expect(names(readFileSync(out)).size).toBe(layers)
  expect(inMaking()).toEqual([])
})

test("a pull into the layout erofs", async () => {
  const { code, said } = await run(256, "pull", "--quiet", "--layout", "erofs")
  expect(said).toBe("")
  expect(code).toBe(0)
  expect(inMaking()).toEqual([])
  expect(readdirSync(join(root, "partial"))).toEqual([])
})

test.each([
  ["an export", ["export", "--format", "erofs", "-o", "image"]],
  ["a pull", ["pull", "--quiet", "--layout", "erofs"]]
])("%s that may open too few says what to do, and leaves nothing", async (_, [what = "", ...flags]) => {
  const { code, said } = await run(64, what, ...flags.map((flag) => (flag === "image" ? join(home, "image") : flag)))
  expect(code).toBe(1)
  expect(said).toMatch(/EMFILE\n {2}Too many open files: raise the limit \(ulimit -n\)/)
  expect(readdirSync(home).filter((name) => name === "image" || name.startsWith(".image"))).toEqual([])
  // With so few, a command may end before it has made any directory.
  if (existsSync(staging())) expect(inMaking()).toEqual([])
})
