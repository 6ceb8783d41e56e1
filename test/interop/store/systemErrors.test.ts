/** What the operating system refuses ends in a typed error that says what to do, and leaves nothing half done. */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { image, Prng, startRegistry, type TestRegistry } from "../../../src/testing/index.ts"
import { outputOf } from "../../support/outputOf.ts"

const main = join(import.meta.dirname, "../../../dist/cli/main.js")

const pullWithFewDescriptors = join(import.meta.dirname, "../programs/pullWithFewDescriptors.mjs")

let home: string
let root: string
let registry: TestRegistry
let layer: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-refused-"))
  chmodSync(home, 0o755)
  root = join(home, "store")
  const app = await image({ layers: [{ files: { "noise.bin": new Prng("noise").bytes(5_000_000), small: "small" } }] })
  layer = app.manifests[0]?.layers[0]?.digest ?? ""
  registry = await startRegistry({ images: { "app:1": app } })
})
afterEach(async () => {
  await registry.close()
  rmSync(home, { recursive: true, force: true })
})

/** Pulls behind another command, which makes the trouble. What follows `--` are flags of the pull. */
const pull = async (...before: ReadonlyArray<string>) => {
  const end = before.indexOf("--") === -1 ? before.length : before.indexOf("--")
  const flags = before.slice(end + 1)
  const call = [...before.slice(0, end), process.execPath, main, "pull", registry.reference("app:1"), ...flags]
  const [command = "", ...args] = call
  const child = spawn(command, [...args, "--root", root, "--json"], {
    // Another user's home cannot be read.
    env: { ...process.env, HOME: home },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const output = outputOf(child)
  const [code] = await once(child, "close")
  const { stdout, stderr } = output
  const events = stdout
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
  return { code, stderr, events, last: events.at(-1) }
}

const refused = (code: string, advice: string) => ({
  _tag: "Failed",
  reason: "FileSystemFailed",
  message: expect.stringContaining(code),
  advice: expect.stringContaining(advice)
})

/** Neither a layer nor one in the making. */
const nothingPublished = () => {
  expect(readdirSync(join(root, "layers")).filter((name) => name.endsWith(".extracted"))).toEqual([])
  expect(readdirSync(join(root, "layers", ".staging"))).toEqual([])
}

test("EROFS: a file system that is read-only", async () => {
  mkdirSync(root)
  execFileSync("mount", ["--bind", root, root])
  try {
    execFileSync("mount", ["-o", "remount,bind,ro", root])
    const { code, last } = await pull()
    expect(code).toBe(1)
    expect(last).toMatchObject(refused("EROFS", "The file system is read-only: choose another --root."))
  } finally {
    execFileSync("umount", [root])
  }
})

test("EROFS: what was pulled before is served from a store that is read-only", async () => {
  expect((await pull()).code).toBe(0)
  execFileSync("mount", ["--bind", root, root])
  try {
    execFileSync("mount", ["-o", "remount,bind,ro", root])
    expect(await pull()).toMatchObject({ code: 0, last: { _tag: "Pulled", cached: true } })
  } finally {
    execFileSync("umount", [root])
  }
})

test("EACCES: a store that is another user's", async () => {
  mkdirSync(root, { mode: 0o755 })
  const { code, last } = await pull("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
  expect(code).toBe(1)
  expect(last).toMatchObject(refused("EACCES", "check who owns the directory"))
})

/** What the program tells, a line each. */
const runWithFewFiles = async (wish: object) => {
  // Node opens all of a program's modules at once: there have to be some hundreds.
  const child = spawn(
    "prlimit",
    ["--nofile=500:500", "--", process.execPath, pullWithFewDescriptors, JSON.stringify(wish)],
    {
      stdio: ["ignore", "pipe", "inherit"]
    }
  )
  let stdout = ""
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text
  })
  expect((await once(child, "close"))[0]).toBe(0)
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
}

test("EMFILE: a program that has no more files to open, and gives them back", async () => {
  const other = await image({ layers: [{ files: { "other.bin": new Prng("other").bytes(1_000_000) } }] })
  await using second = await startRegistry({ images: { "app:2": other } })
  const references = [registry.reference("app:1"), second.reference("app:2")]
  const reasons: Array<string> = []
  for (const spare of [0, 1, 2, 3, 20]) {
    const [first, scarce, last] = await runWithFewFiles({ root, references, spare })
    expect([first, last]).toEqual([{ _tag: "Pulled" }, { _tag: "Pulled" }])
    reasons.push(scarce.reason ?? scarce._tag)
    // A file, or a socket: the system's code is told in either case.
    if (scarce._tag === "Failed") expect(scarce.message).toContain("EMFILE")
    rmSync(root, { recursive: true })
  }
  expect(reasons[0]).toBe("FileSystemFailed")
  expect(reasons.at(-1)).toBe("Pulled")
  const known = ["FileSystemFailed", "RegistryUnreachable", "Pulled"]
  expect(reasons.filter((reason) => !known.includes(reason))).toEqual([])
})

test("EMFILE: a program that has never had the files for its engine", {
  timeout: 120_000
}, async () => {
  const reasons: Array<string> = []
  for (const spare of [0, 1, 3, 5, 7, 9, 40]) {
    const references = ["", registry.reference("app:1")]
    const [scarce, last] = await runWithFewFiles({ root, references, spare, cold: true })
    // Node keeps the failure of a module of ours that could not be loaded, for as long as the process lives.
    if (last._tag !== "Pulled") expect(last.message).toMatch(/load .*: EMFILE/)
    reasons.push(scarce.reason ?? scarce._tag)
    if (scarce._tag === "Failed") expect(scarce.message).toContain("EMFILE")
    rmSync(root, { recursive: true, force: true })
  }
  expect(reasons.at(-1)).toBe("Pulled")
  const known = ["FileSystemFailed", "RegistryUnreachable", "Pulled"]
  expect(reasons.filter((reason) => !known.includes(reason))).toEqual([])
})

test.each(["layers", "rootfs"])(
  "EMFILE: whatever the limit, it is told: layout %s",
  { timeout: 120_000 },
  async (layout) => {
    const codes: Array<number> = []
    for (let limit = 28; limit <= 52; limit += 3) {
      const { code, last, stderr } = await pull("prlimit", `--nofile=${limit}:${limit}`, "--", "--layout", layout)
      codes.push(code)
      if (code === 0) expect(last).toMatchObject({ _tag: "Pulled" })
      else expect(`${JSON.stringify(last)} ${stderr}`, `${limit}`).toMatch(/EMFILE.*raise the limit/s)
      rmSync(root, { recursive: true, force: true })
    }
    expect([codes[0], codes.at(-1)]).toEqual([1, 0])
  }
)

test("EIO: a disk that fails while bytes are kept; what is whole before that is kept, and continued", async () => {
  // No disk fails on demand: the kernel's answer to these writes is made up, from the third on.
  const failing = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", join(root, "partial", layer)]
  const { code, last } = await pull(...failing, "-e", "inject=write,writev,pwrite64,pwritev:error=EIO:when=3+", "--")
  expect(code).toBe(1)
  expect(last).toMatchObject(refused("EIO", "The disk reported an error"))
  nothingPublished()
  const { size } = statSync(join(root, "partial", layer))
  expect(size).toBeGreaterThan(0)
  const again = await pull()
  expect(again.code, again.stderr).toBe(0)
  expect(again.events).toContainEqual(expect.objectContaining({ _tag: "LayerStarted", offset: size }))
})

/** Calls that make bytes and names last, in their order, with the paths of what they were called on. */
const traced = async (...flags: ReadonlyArray<string>) => {
  const out = join(home, "calls")
  const trace = [
    "-f",
    "-y",
    "-qq",
    "-s",
    "4096",
    "-o",
    out,
    "-e",
    "trace=fsync,fdatasync,syncfs,rename,renameat,renameat2"
  ]
  const [command = "", ...args] = ["strace", ...trace, process.execPath, main, "pull", registry.reference("app:1")]
  const child = spawn(command, [...args, "--root", root, ...flags], { stdio: "ignore" })
  expect((await once(child, "close"))[0]).toBe(0)
  const calls = readFileSync(out, "utf8").split("\n")
  return (pattern: RegExp) => calls.findIndex((call) => pattern.test(call))
}
const published = /rename.*\.staging\/[^"]*".*layers\/sha256:[0-9a-f]{64}\.extracted"/
const stagedSync = /(syncfs|fsync)\(\d+<[^>]*\.staging\//

test("durability power: the layer is on the disk before it has its name, the name before the row", async () => {
  const at = await traced("--durability", "power")
  expect(at(stagedSync)).toBeGreaterThanOrEqual(0)
  expect(at(published)).toBeGreaterThan(at(stagedSync))
  expect(at(/fsync\(\d+<[^>]*\/layers>/)).toBeGreaterThan(at(published))
  expect(at(/fsync\(\d+<[^>]*\/oci\.db\.tmp>/)).toBeGreaterThan(at(/fsync\(\d+<[^>]*\/layers>/))
  expect(at(/rename.*oci\.db\.tmp".*oci\.db"/)).toBeGreaterThan(at(/fsync\(\d+<[^>]*\/oci\.db\.tmp>/))
  expect(at(/fsync\(\d+<[^>]*\/store>/)).toBeGreaterThan(at(/rename.*oci\.db\.tmp".*oci\.db"/))
})

const publishedImage = /rename.*\.staging\/[^"]*".*layers\/sha256:[0-9a-f]{64}\.erofs\.rootfs"/
const imageSync = /fsync\(\d+<[^>]*\.staging\/[^>]*\/image\.erofs>/

test("durability power, layout erofs: the disk image is on the disk before it has its name, the name before the row", async () => {
  const at = await traced("--durability", "power", "--layout", "erofs")
  expect(at(imageSync)).toBeGreaterThanOrEqual(0)
  expect(at(publishedImage)).toBeGreaterThan(at(imageSync))
  expect(at(/fsync\(\d+<[^>]*\/layers>/)).toBeGreaterThan(at(publishedImage))
  expect(at(/rename.*oci\.db\.tmp".*oci\.db"/)).toBeGreaterThan(at(/fsync\(\d+<[^>]*\/layers>/))
})

test("durability crash, layout erofs: the name is waited for, the disk image is not", async () => {
  const at = await traced("--layout", "erofs")
  expect(at(imageSync)).toBe(-1)
  expect(at(/fsync\(\d+<[^>]*\/layers>/)).toBeGreaterThan(at(publishedImage))
  expect(at(publishedImage)).toBeGreaterThanOrEqual(0)
})

test("durability crash: names and rows are waited for, files are not", async () => {
  const at = await traced()
  expect(at(stagedSync)).toBe(-1)
  expect(at(/fsync\(\d+<[^>]*\/layers>/)).toBeGreaterThan(at(published))
  expect(at(/fsync\(\d+<[^>]*\/oci\.db\.tmp>/)).toBeGreaterThan(at(/fsync\(\d+<[^>]*\/layers>/))
  expect(at(/rename.*oci\.db\.tmp".*oci\.db"/)).toBeGreaterThan(at(/fsync\(\d+<[^>]*\/oci\.db\.tmp>/))
})
