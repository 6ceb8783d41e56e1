/** Root pulls a program with the setuid bit; another user of the machine would run it. */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { image, startRegistry, type TestRegistry, tar } from "../../../src/testing/index.ts"

const main = join(import.meta.dirname, "../../../dist/cli/main.js")
const asNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]

let home: string
let root: string
let registry: TestRegistry
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-others-"))
  chmodSync(home, 0o755)
  root = join(home, "store")
  const layer = tar()
    .directory("./", { mode: 0o755 })
    .file("id", readFileSync("/usr/bin/id"), { mode: 0o4755 })
    .file("all", "x", { mode: 0o666 })
    .directory("tmp/", { mode: 0o1777 })
  registry = await startRegistry({ images: { "app:1": await image({ layers: [layer] }) } })
})
afterEach(async () => {
  await registry.close()
  rmSync(home, { recursive: true, force: true })
})

const pull = async (flags: ReadonlyArray<string>, before: ReadonlyArray<string> = []) => {
  const [command = "", ...args] = [...before, process.execPath, main, "pull", registry.reference("app:1"), "--json"]
  const child = spawn(command, [...args, "--root", root, ...flags], {
    env: { ...process.env, HOME: home },
    stdio: ["ignore", "pipe", "inherit"]
  })
  let stdout = ""
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text
  })
  const [code] = await once(child, "close")
  const events = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
  return { code, events, last: events.at(-1), warned: events.filter((it) => it.code === "StoreExposed").length }
}

const inLayer = (name: string) => {
  const layers = join(root, "layers")
  const [layer = ""] = readdirSync(layers).filter((it) => it.endsWith(".extracted"))
  return join(layers, layer, name)
}

/** What nobody is who runs the image's setuid program; `undefined` where it cannot. */
const effective = () => {
  // A shell in between: setpriv itself still has root's capabilities.
  const [command = "", ...args] = [...asNobody, "sh", "-c", `'${inLayer("id")}' -u`]
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8" })
  return status === 0 ? stdout.trim() : undefined
}

const canWrite = (path: string) => {
  const [command = "", ...args] = [...asNobody, "sh", "-c", `echo y >> '${path}'`]
  return spawnSync(command, args, { stdio: "ignore" }).status === 0
}

describe.runIf(process.getuid?.() === 0)("a store of root's", () => {
  test("that root's pull made is closed to others: no setuid program, no file of theirs", async () => {
    expect(await pull(["--ownership", "chown"])).toMatchObject({ code: 0, warned: 0 })
    expect(statSync(inLayer("id")).mode & 0o7777).toBe(0o4755)
    expect(effective()).toBeUndefined()
    expect(canWrite(inLayer("all"))).toBe(false)
  })

  test("under a directory that others may enter: real owners are refused before anything is asked", async () => {
    mkdirSync(root, { mode: 0o755 })
    const { code, last } = await pull(["--ownership", "chown"])
    expect(code).toBe(1)
    expect(last).toMatchObject({ _tag: "Failed", reason: "UnsafeStore", advice: expect.stringContaining("--access") })
    expect(registry.log.count({ kind: "manifest" })).toBe(0)
    expect(readdirSync(root)).toEqual([])
    const meant = await pull(["--ownership", "chown", "--access", "readable"])
    expect(meant).toMatchObject({ code: 0, warned: 0 })
    expect(effective()).toBe("0")
  })

  test("of an earlier version, which made it for all: it goes on, with a warning, and without setuid", async () => {
    mkdirSync(join(root, "layers"), { recursive: true, mode: 0o755 })
    expect(await pull([])).toMatchObject({ code: 0, warned: 1, last: { _tag: "Pulled", cached: false } })
    expect(await pull([])).toMatchObject({ code: 0, warned: 1, last: { _tag: "Pulled", cached: true } })
    expect(effective()).toBe("65534")
    expect(statSync(inLayer("tmp")).mode & 0o7777).toBe(0o1777)
  })
})

describe.runIf(process.getuid?.() === 0)("an ordinary user", () => {
  test("pulls into a store of its own, and into none that another user owns or may write to", async () => {
    const mine = join(home, "mine")
    mkdirSync(mine, { mode: 0o755 })
    chownSync(mine, 65_534, 65_534)
    root = join(mine, "store")
    expect(await pull([], asNobody)).toMatchObject({ code: 0, warned: 0 })
    expect(statSync(root).mode & 0o777).toBe(0o700)
    chownSync(root, 12_345, 12_345)
    chmodSync(root, 0o777)
    expect((await pull([], asNobody)).last).toMatchObject({ reason: "UnsafeStore" })
    chownSync(root, 65_534, 65_534)
    expect((await pull([], asNobody)).last).toMatchObject({ reason: "UnsafeStore" })
    expect((await pull(["--access", "writable"], asNobody)).code).toBe(0)
    execFileSync("chmod", ["755", root])
    expect(await pull([], asNobody)).toMatchObject({ code: 0, warned: 1 })
  })
})
