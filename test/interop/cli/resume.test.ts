/** Ctrl-C on a terminal, then the same command: it goes on where it stood, and says from where. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { statSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { formatBytes } from "../../../src/progress/format.ts"
import { fault, image, startRegistry, type TestRegistry } from "../../../src/testing/index.ts"
import { outputOf } from "../../support/outputOf.ts"
import { randomLayer } from "../../support/randomLayer.ts"

const main = join(import.meta.dirname, "../../../dist/cli/main.js")
const ctrlC = "\u0003"

let root: string
let registry: TestRegistry
let layers: ReadonlyArray<{ readonly digest: string; readonly size: number }>
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ociflow-continuing-"))
  const app = await image({ layers: [randomLayer("one", 6_000_000), randomLayer("two", 6_000_000)] })
  layers = app.manifests[0]?.layers ?? []
  registry = await startRegistry({ images: { "org/app:1": app } })
})
afterEach(async () => {
  await registry.close()
  await rm(root, { recursive: true })
})

const keptOf = (digest: string) => statSync(join(root, "partial", digest)).size
const short = (digest: string) => digest.slice(7, 15)

/** The command on a terminal of its own, as `script` gives one; both of its outputs are that terminal. */
const onTerminal = (...flags: ReadonlyArray<string>) => {
  const command = [process.execPath, main, "pull", registry.reference("org/app:1"), "--root", root, ...flags]
  const child = spawn("script", ["-qfec", command.map((word) => `'${word}'`).join(" "), "/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, TERM: "xterm", COLUMNS: "100" }
  })
  let text = ""
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    text += chunk
  })
  const ended = once(child, "close").then(([code]) => ({ code, text: text.replaceAll("\r\n", "\n") }))
  return { ended, press: (keys: string) => child.stdin.write(keys) }
}

const piped = async (...flags: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [main, "pull", registry.reference("org/app:1"), "--root", root, ...flags])
  const output = outputOf(child)
  const [code] = await once(child, "close")
  expect(code, output.stderr).toBe(0)
  return output.stdout
}

/** Each layer stops after a while; when both have, Ctrl-C. */
const interrupt = async (...flags: ReadonlyArray<string>) => {
  for (const [at, { digest }] of layers.entries()) {
    registry.fault({ reference: digest }, fault.stall(1_500_000 + at * 1_000_000))
  }
  const pulling = onTerminal(...flags)
  const sent = (digest: string) =>
    registry.log.where({ reference: digest }).reduce((total, request) => total + request.sent, 0)
  await registry.log.until(() => layers.every(({ digest }, at) => sent(digest) >= 1_500_000 + at * 1_000_000))
  // What was sent is to be read and written as well.
  const isKept = () =>
    layers.every(({ digest }, at) => {
      try {
        return keptOf(digest) >= 1_500_000 + at * 1_000_000
      } catch {
        return false
      }
    })
  while (!isKept()) await new Promise((resolve) => setImmediate(resolve))
  pulling.press(ctrlC)
  const ended = await pulling.ended
  registry.clearFaults()
  registry.log.clear()
  return ended
}

const continues = (digest: string, size: number) =>
  `continues at ${formatBytes(keptOf(digest))} of ${formatBytes(size)}`

test("the word at the end says from where, and the next run says the same and asks for no byte twice", async () => {
  const { code, text } = await interrupt()
  expect(code).toBe(130)
  const said = layers.map(({ digest, size }) => ({
    digest,
    size,
    kept: keptOf(digest),
    says: continues(digest, size)
  }))
  expect(text).toContain("Interrupted: no layer was complete yet. Downloaded bytes are kept")
  for (const { digest, says } of said) expect(text).toContain(`  ${short(digest)} ${says}\n`)
  const lines = (await piped()).split("\n")
  for (const { digest, size, kept, says } of said) {
    expect(lines).toContain(`${short(digest)}: ${says}`)
    const [request, ...more] = registry.log.where({ reference: digest })
    expect(more).toEqual([])
    expect(request).toMatchObject({ start: kept, sent: size - kept })
  }
})

test("in JSON, Interrupted and LayerStarted have the offset and the size", async () => {
  const { text } = await interrupt("--json")
  const said = layers.map(({ digest, size }) => ({ digest, offset: keptOf(digest), size }))
  const last = text.split("\n").find((line) => line.includes('"Interrupted"'))
  expect(JSON.parse(last?.slice(last.indexOf("{")) ?? "")).toMatchObject({
    reference: registry.reference("org/app:1"),
    layers: [],
    partials: expect.arrayContaining(said)
  })
  const events = (await piped("--json"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
  const reference = registry.reference("org/app:1")
  for (const it of said) expect(events).toContainEqual({ _tag: "LayerStarted", ...it, reference })
})
