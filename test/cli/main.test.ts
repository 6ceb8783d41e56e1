/** The command as a process: the built file, a real registry, real signals. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync } from "node:fs"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import { type FaultAction, fault, image, Prng, startRegistry, type TestRegistry, tar } from "../../src/testing/index.ts"
import { outputOf } from "../support/outputOf.ts"

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url))

// Processes start slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 60_000 })

let registry: TestRegistry
/** The layer of `org/big:1` that is 4 MiB of noise. */
let big: string
let home: string
let root: string

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-cli-"))
  const noise = new Prng(1).bytes(4 * 1024 * 1024)
  const twoLayers = await image({ layers: [tar().file("small", "s"), tar().file("noise", noise)] })
  big = twoLayers.manifests[0]?.layers[1]?.digest ?? ""
  registry = await startRegistry({
    images: {
      "org/app:1": await image({
        layers: [tar().file("etc/motd", "hello\n"), tar().directory("srv").file("srv/b", "b")]
      }),
      "org/big:1": twoLayers
    }
  })
})
beforeEach(async () => {
  registry.clearFaults()
  registry.log.clear()
  root = await mkdtemp(join(home, "root-"))
})
afterAll(async () => {
  await registry.close()
  await rm(home, { recursive: true })
})

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

const launch = (argv: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}) => {
  const child = spawn(process.execPath, [main, ...argv], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const output = outputOf(child)
  const ended = once(child, "close").then(([code, signal]): Ended => ({ code, signal, ...output }))
  return { child, ended }
}
const ran = (...argv: ReadonlyArray<string>) => launch(argv).ended
const lines = (text: string): ReadonlyArray<{ readonly _tag: string }> =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

/** Once the process has written this. */
const written = (child: ChildProcess, text: string) =>
  new Promise<void>((resolve, reject) => {
    let seen = ""
    child.stdout?.on("data", (chunk) => {
      seen += chunk
      if (seen.includes(text)) resolve()
    })
    child.once("close", () => reject(new Error(`ended before it wrote ${text}: ${seen}`)))
  })

describe("the process", () => {
  test("pulls, and tells where each layer is", async () => {
    const { code, stdout, stderr } = await ran(
      "pull",
      registry.reference("org/app:1"),
      "--root",
      root,
      "--json",
      "--platform",
      "linux/amd64"
    )
    expect(stderr).toBe("")
    expect(code).toBe(0)
    const last = lines(stdout).at(-1)
    expect(last).toMatchObject({
      _tag: "Pulled",
      image: {
        reference: registry.reference("org/app:1"),
        platform: "linux/amd64",
        digest: expect.stringMatching(/^sha256:/)
      }
    })
    const { layers } = (
      last as unknown as {
        image: { layers: ReadonlyArray<{ path: string; digest: string; diffId: string; size: number }> }
      }
    ).image
    expect(layers).toHaveLength(2)
    expect(await readFile(join(layers[0]?.path ?? "", "etc/motd"), "utf8")).toBe("hello\n")
    expect(await readFile(join(layers[1]?.path ?? "", "srv/b"), "utf8")).toBe("b")
  })

  test("prints a blob byte for byte, and fails where its last bytes are not proven", async () => {
    const reference = registry.reference("org/app:1")
    const { stdout } = await ran(
      "inspect",
      reference,
      "--config",
      "--json",
      "--root",
      root,
      "--platform",
      "linux/amd64"
    )
    expect(JSON.parse(stdout)).toMatchObject({ cmd: ["/bin/sh"], os: "linux" })
    const { config } = JSON.parse((await ran("manifest", reference, "--json")).stdout).manifest
    const printed = await ran("blob", reference, config.digest)
    expect(printed).toMatchObject({ code: 0, stderr: "" })
    expect(Buffer.byteLength(printed.stdout)).toBe(config.size)
    registry.fault({ kind: "blob", method: "GET" }, fault.otherByte(5))
    expect(await ran("blob", reference, config.digest)).toMatchObject({ code: 1, stdout: "" })
  })

  test("tells what it pulled: images and inspect, without the network", async () => {
    const reference = registry.reference("org/app:1")
    await ran("pull", reference, "--root", root, "--quiet", "--platform", "linux/amd64")
    registry.log.clear()
    const [table, json, inspected] = await Promise.all([
      ran("images", "--root", root),
      ran("images", "--root", root, "--json"),
      ran("inspect", reference, "--root", root, "--json")
    ])
    expect(table.stdout).toMatch(/^REFERENCE .*\n127\.0\.0\.1:\d+\/org\/app:1 +linux\/amd64 +sha256:/)
    expect(JSON.parse(json.stdout)).toMatchObject([{ reference, platforms: ["linux/amd64"], layers: 2 }])
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      reference,
      manifests: [{ platform: "linux/amd64", complete: true }]
    })
    expect([table.code, json.code, inspected.code]).toEqual([0, 0, 0])
    expect(registry.log.all).toEqual([])
  })

  test("--layers-dir puts the layers elsewhere, --policy never pulls nothing", async () => {
    const layersDir = join(root, "elsewhere")
    const reference = registry.reference("org/app:1")
    const refused = await ran("pull", reference, "--root", root, "--policy", "never")
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain("ociflow: NotCached: ")
    const { code } = await ran(
      "pull",
      reference,
      "--root",
      root,
      "--layers-dir",
      layersDir,
      "--platform",
      "linux/amd64"
    )
    expect(code).toBe(0)
    expect((await readdir(layersDir)).filter((name) => name.endsWith(".extracted"))).toHaveLength(2)
  })

  test("ends with 1 and the reason's name for what the registry does not have", async () => {
    const { code, stdout, stderr } = await ran("pull", registry.reference("org/none:1"), "--root", root, "--json")
    expect(code).toBe(1)
    expect(stderr).toMatch(/^ociflow: ManifestNotFound: .*\n {2}Check the repository/)
    expect(lines(stdout).at(-1)).toMatchObject({ _tag: "Failed", reason: "ManifestNotFound" })
  })

  test("ends with 2 for a call that makes no sense, a platform that is none among them", async () => {
    expect((await ran("pull")).code).toBe(2)
    expect((await ran("pull", "x", "--root", root, "--platform", "linux")).code).toBe(2)
  })

  test("writes no escape sequence where there is no terminal, whatever colours are asked for", async () => {
    const { ended } = launch(["pull", registry.reference("org/app:1"), "--root", root], { FORCE_COLOR: "1" })
    const { stdout, stderr } = await ended
    expect(stdout + stderr).not.toContain("\u001b")
  })

  test("NO_COLOR and FORCE_COLOR decide of the help's colours", async () => {
    expect((await launch(["--help"], { FORCE_COLOR: "1", NO_COLOR: "" }).ended).stdout).toContain("\u001b[")
    expect((await launch(["--help"], { NO_COLOR: "1", FORCE_COLOR: "" }).ended).stdout).not.toContain("\u001b[")
  })

  test("logs go to stderr alone, at the level that was asked for", async () => {
    const { stdout, code } = await ran(
      "pull",
      registry.reference("org/app:1"),
      "--root",
      root,
      "--json",
      "--log-level",
      "trace"
    )
    expect(code).toBe(0)
    expect(lines(stdout).at(-1)).toMatchObject({ _tag: "Pulled" })
  })
})

describe("a standard output that takes nothing", () => {
  test.runIf(process.platform === "linux")("is an error, also of what succeeded otherwise", async () => {
    const full = openSync("/dev/full", "w")
    try {
      for (const argv of [["images", "--root", root], ["--help"]]) {
        const child = spawn(process.execPath, [main, ...argv], { stdio: ["ignore", full, "pipe"] })
        let stderr = ""
        child.stderr?.setEncoding("utf8").on("data", (text) => {
          stderr += text
        })
        expect(await once(child, "close")).toEqual([1, null])
        expect(stderr).toBe("ociflow: the standard output cannot be written to: ENOSPC\n")
      }
    } finally {
      closeSync(full)
    }
  })
})

describe("a process that is told to end", () => {
  const pullBig = ["pull", "org/big:1", "--json", "--platform", "linux/amd64"]
  const pulling = async (action: FaultAction) => {
    registry.fault({ reference: big }, action)
    const { child, ended } = launch([...pullBig, "--root", root], { OCI_REGISTRY_DOMAIN: registry.host })
    await written(child, '"LayerDone"')
    return { child, ended }
  }

  test.for([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129]
  ] as const)("by %s closes all in order, says what was kept, and ends with %i", async ([signal, expected]) => {
    const { child, ended } = await pulling(fault.stall(100_000))
    child.kill(signal)
    const { code, stdout, stderr } = await ended
    expect(code).toBe(expected)
    expect(stderr).toMatch(/^Interrupted: 1 of 2 layers is complete and kept/)
    expect(lines(stdout).at(-1)).toMatchObject({ _tag: "Interrupted", layers: [expect.stringMatching(/^sha256:/)] })
    const left = await readdir(join(root, "layers"))
    expect(left.filter((name) => name.endsWith(".extracted"))).toHaveLength(1)
  })

  test("and is run again goes on with what is missing", async () => {
    const { child, ended } = await pulling(fault.stall(100_000))
    child.kill("SIGINT")
    await ended
    registry.clearFaults()
    const again = await launch([...pullBig, "--root", root], { OCI_REGISTRY_DOMAIN: registry.host }).ended
    expect(again.code).toBe(0)
    expect(lines(again.stdout).filter(({ _tag }) => _tag === "LayerCached")).toHaveLength(1)
  })

  test("is quiet when the reader of its output has left", async () => {
    const { child, ended } = await pulling(fault.slow({ bytesPerSecond: 500_000 }))
    child.stdout?.destroy()
    expect(await ended).toMatchObject({ code: 141, stderr: "" })
  })
})
