/** Bars in a real terminal, which tmux is: at 80×24 and 200×50, resized, with retries, Ctrl-C, several pulls, and resumed. */
import { execFileSync } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { lastValueFrom, Subject } from "rxjs"
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { formatBytes } from "../../../src/progress/format.ts"
import {
  type FaultAction,
  fault,
  image,
  startRegistry,
  type TestImage,
  type TestRegistry
} from "../../../src/testing/index.ts"
import { randomLayer } from "../../support/randomLayer.ts"

const main = join(import.meta.dirname, "../../../dist/cli/main.js")

let directory: string
let registry: TestRegistry
let socket: string
let release: () => void

/** A layer's body stops after so many bytes, until `gate` is open. */
const held =
  (after: number, gate: Promise<void>): FaultAction =>
  (reply) => {
    const { size, read } = reply.body
    // A config.
    if (size < 100_000) return reply
    const pausing = async function* (from: number, to: number) {
      yield* read(from, Math.min(to, after))
      await gate
      if (to > after) yield* read(Math.max(from, after), to)
    }
    return { ...reply, body: { size, read: pausing } }
  }
const hold = (after: number) => {
  const gate = new Subject<void>()
  registry.fault({ kind: "blob" }, held(after, lastValueFrom(gate, { defaultValue: undefined })))
  release = () => {
    registry.clearFaults()
    gate.complete()
  }
}

const layersOf = (count: number) =>
  Array.from({ length: count }, (_, at) => randomLayer(`${count}-${at}`, 1_500_000 - 10_000 * at))
const counts = [1, 6, 30]
const images: Record<string, TestImage> = {}

beforeAll(async () => {
  for (const count of counts) images[`layers:${count}`] = await image({ layers: layersOf(count) })
}, 120_000)
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "ociflow-terminal-"))
  socket = join(directory, "tmux")
  // No line of tmux's own.
  await writeFile(join(directory, "tmux.conf"), "set -g status off\n")
  registry = await startRegistry({ images })
  hold(1_000_000)
})
afterEach(async () => {
  release()
  tmux("kill-server")
  await registry.close()
  await rm(directory, { recursive: true })
})

const tmux = (...args: ReadonlyArray<string>): string =>
  execFileSync("tmux", ["-u", "-S", socket, "-f", join(directory, "tmux.conf"), ...args], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C.UTF-8" }
  })
/** Each row of the terminal, without what is blank at its end. */
const rows = () => tmux("capture-pane", "-p").split("\n").slice(0, -1)
const screen = () => rows().join("\n")
/** Rarely: the registry is in this process, which waits for tmux. */
const patient = { timeout: 60_000, interval: 400 }
const seen = (text: string | RegExp) => expect.poll(screen, patient).toMatch(text)
/** Layers that are downloaded at once. */
const atOnce = (layers: number) => Math.min(3, layers)

/** What a shell runs; it says when the pull is over. */
const commandOf = (names: ReadonlyArray<string>, flags: ReadonlyArray<string>) => {
  const pull = [
    process.execPath,
    main,
    "pull",
    ...names.map(registry.reference),
    "--root",
    join(directory, "s"),
    ...flags
  ]
  return `trap : INT; clear; ${pull.map((word) => `'${word}'`).join(" ")}; echo "over: $?"; exec sleep 600`
}
const start = (columns: number, lines: number, names: ReadonlyArray<string>, ...flags: ReadonlyArray<string>) =>
  tmux("new-session", "-d", "-x", String(columns), "-y", String(lines), commandOf(names, flags))
/** In the same terminal. */
const startAgain = (names: ReadonlyArray<string>, ...flags: ReadonlyArray<string>) =>
  tmux("respawn-pane", "-k", commandOf(names, flags))
const count = (text: string) => screen().split(text).length - 1
const titles = ["Fetch image details", "Download layers", "Extract layers"]
const isWhole = () => {
  for (const title of titles) expect(count(title), title).toBe(1)
  // No bar is left.
  expect(screen()).not.toMatch(/[=+-]{6,}/)
}

for (const [columns, lines] of [
  [80, 24],
  [200, 50]
] as const)
  describe(`at ${columns}×${lines}`, () => {
    for (const layers of counts)
      test(`${layers === 1 ? "1 layer is" : `${layers} layers are`} drawn while they come; at the end three lines and the image`, async () => {
        start(columns, lines, [`layers:${layers}`], "--concurrency", "3")
        await expect
          .poll(
            () => rows().filter((row) => /^ {2}[0-9a-f]{8} .* 976\.56 KiB \/ 1\.\d\d MiB/.test(row)).length,
            patient
          )
          .toBe(atOnce(layers))
        const drawn = rows()
        expect(drawn.length).toBe(lines)
        expect(drawn.join("\n")).toMatch(/Fetch image details {2}127\.0\.0\.1:\d+\/layers:\d+ {2}linux\/amd64\n/)
        expect(drawn.join("\n")).toMatch(
          new RegExp(`Download layers {6}\\d+ / ${layers} {2}[\\d.]+ [KM]iB / [\\d.]+ MiB\n`)
        )
        expect(drawn.join("\n")).toMatch(new RegExp(`Extract layers {7}\\d+ / ${layers} {2}\\d+ %`))
        const bars = drawn.filter((row) => /^ {2}[0-9a-f]{8} {2}[=+-]/.test(row))
        // The last row is the cursor's. What has no room is counted.
        const room = lines - 4
        expect(bars).toHaveLength(layers <= room ? layers : room - 1)
        expect(/\+\d+ queued/.test(drawn.join())).toBe(layers > room)
        expect(count("Fetch image details")).toBe(1)
        release()
        await seen("over: 0")
        isWhole()
        expect(screen()).toMatch(/Extract layers +\d+ \/ \d+ {2}in [\d.]+ s|Extract layers +\d+ \/ \d+ {2}in \d+ min/)
        // Where a line is longer than the terminal, it goes on in the next row.
        const text = screen().replaceAll("\n", "")
        expect(text).toMatch(/layers:\d+ {2}digest {4}sha256:[0-9a-f]{64} {2}platform {2}linux\/amd64/)
        expect(text).toContain(` ${layers} in ${join(directory, "s")}/layers`)
      })
  })

test("a terminal that is made smaller and larger keeps nothing of the pictures before", async () => {
  start(200, 50, ["layers:6"])
  await seen("976.56 KiB /")
  for (const [columns, lines] of [
    [90, 20],
    [60, 30],
    [200, 50]
  ] as const) {
    tmux("resize-window", "-x", String(columns), "-y", String(lines))
    const isDrawn = () => titles.map(count).join() === "1,1,1" && rows().every((row) => row.length <= columns)
    await expect.poll(isDrawn, patient).toBe(true)
  }
  release()
  await seen("over: 0")
  isWhole()
})

test("a retry counts down", async () => {
  release()
  registry.fault({ kind: "manifest", times: 1 }, fault.rateLimit(9))
  start(80, 24, ["layers:1"])
  const left = () => Number(/retry 1 in ([\d.]+) s: RateLimited/.exec(screen())?.[1])
  await expect.poll(left, patient).toBeGreaterThan(0)
  const first = left()
  await expect.poll(() => left() < first, patient).toBe(true)
  await seen("over: 0")
  isWhole()
})

test("Ctrl-C says what is kept; the next pull begins there, counts it, and downloads no byte twice", async () => {
  start(80, 24, ["layers:6"], "--concurrency", "3")
  await expect.poll(() => count("976.56 KiB /"), patient).toBe(atOnce(6))
  tmux("send-keys", "C-c")
  await seen("over: 130")
  expect(screen()).toMatch(/Interrupted: no layer was complete yet\. Downloaded bytes are kept/)
  expect(count("continues at 976.56 KiB of")).toBe(atOnce(6))
  release()
  await registry.log.settled()
  registry.log.clear()
  hold(0)
  startAgain(["layers:6"], "--concurrency", "1")
  // All of them are counted, though all but one wait for their turn.
  await seen(`Download layers      0 / 6  ${formatBytes(1_000_000 * atOnce(6))} / 8.4`)
  expect(count("976.56 KiB /")).toBe(atOnce(6))
  release()
  await seen("over: 0")
  isWhole()
  const first = registry.log.all.filter(({ kind, start = 0 }) => kind === "blob" && start > 0)
  expect(first.map(({ start }) => start)).toEqual(Array(atOnce(6)).fill(1_000_000))
})

test("two pulls at once: a line for each, the bars beneath, and a shared layer says who has it", async () => {
  const shared = await image({ layers: [...layersOf(1), randomLayer("own", 1_200_000)] })
  registry.add("shared:1", shared)
  start(80, 24, ["layers:1", "shared:1"])
  await seen(/waiting for another/)
  for (const name of ["layers", "shared"])
    expect(screen()).toMatch(new RegExp(`^\\S 127\\.0\\.0\\.1:\\d+/${name}:1 +\\d+ %`, "m"))
  release()
  await seen("over: 0")
  expect(screen()).toMatch(/^✓ 127\.0\.0\.1:\d+\/layers:1 +in /m)
  expect(screen()).toMatch(/^✓ 127\.0\.0\.1:\d+\/shared:1 +in /m)
  expect(screen()).not.toMatch(/[=+-]{6,}/)
})
