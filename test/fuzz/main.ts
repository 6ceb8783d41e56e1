/**
 * Mutated layers against the extractor. `npm run fuzz` runs 20 000 cases; FUZZ_CASES and FUZZ_SEED set how many and
 * which, FUZZ_CASE runs one again and keeps its bytes, FUZZ_BLOBS names a directory with layers of real images.
 */
import { fork } from "node:child_process"
import { randomBytes } from "node:crypto"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Report, Share } from "./worker.ts"

/** A case takes some milliseconds; one that takes this long, on however busy a machine, never ends. Milliseconds. */
const hang = 30_000
/** A process starts in a second or two, and makes its archives. */
const start = 120_000
const turn = 500
/** Of one process, bytes. */
const ceiling = 700 * 2 ** 20

const { FUZZ_SEED, FUZZ_CASES = "20000", FUZZ_CASE, FUZZ_BLOBS } = process.env
const seed = FUZZ_SEED ?? randomBytes(4).toString("hex")
const only = FUZZ_CASE === undefined ? undefined : Number(FUZZ_CASE)
const cases = Number(FUZZ_CASES)
const workers = only === undefined ? Math.min(availableParallelism(), 8) : 1
const keep = only === undefined ? undefined : mkdtempSync(join(tmpdir(), "ociflow-fuzz-case-"))

/** In memory where the system has a place for it. */
const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir()

const outcomes = new Map<string, number>()
/** Cases between two words on how far it is. */
const stride = 50_000
let ran = 0
let failures = 0
let peak = 0

const fail = (number: number, what: string) => {
  failures++
  console.error(`case ${number}: ${what}\n  again: FUZZ_SEED=${seed} FUZZ_CASE=${number} npm run fuzz`)
}

/** Runs a share, in a process of its own: a crash and a hang are its own, too, and the rest of the share goes on. */
const runShare = (share: Omit<Share, "outside">): Promise<void> =>
  new Promise((resolve) => {
    const outside = mkdtempSync(join(memory, "ociflow-fuzz-"))
    const script = fileURLToPath(new URL("./worker.ts", import.meta.url))
    // Each process has a core; a collector with threads of its own takes another half.
    const child = fork(script, { execArgv: [...process.execArgv, "--single-threaded-gc"] })
    let current = share.first
    // Turns of a clock that stands still while the machine, or these processes, are asleep.
    let turns = 0
    let patience = start
    let done = false
    const watchdog = setInterval(() => {
      turns += 1
      if (turns * turn < patience) return
      fail(current, `no end after ${patience / 1000} s`)
      child.kill("SIGKILL")
    }, turn)
    child.on("message", (message: Report) => {
      turns = 0
      patience = hang
      if ("begun" in message) current = message.begun
      else if ("broken" in message) fail(message.number, message.broken)
      else {
        done = true
        peak = Math.max(peak, message.rss)
        const before = ran
        ran += Object.values(message.outcomes).reduce((sum, count) => sum + count, 0)
        if (Math.floor(ran / stride) > Math.floor(before / stride)) console.log(`${ran} cases, ${failures} broken laws`)
        for (const [name, count] of Object.entries(message.outcomes))
          outcomes.set(name, (outcomes.get(name) ?? 0) + count)
      }
    })
    child.on("exit", (code, signal) => {
      clearInterval(watchdog)
      rmSync(outside, { recursive: true, force: true })
      if (done) return resolve()
      if (signal !== "SIGKILL") fail(current, `the process ended with ${signal ?? code}`)
      const rest = { ...share, first: current + share.step }
      resolve(rest.first < rest.end ? runShare(rest) : undefined)
    })
    child.send({ ...share, outside } satisfies Share)
  })

const began = performance.now()
console.log(`${only === undefined ? `${cases} cases` : `case ${only}`} from the seed ${seed}, ${workers} processes`)
/** Cases of one process. Over very many the allocator's pages fill with gaps, which says nothing of any case. */
const batch = 5000
const end = only === undefined ? cases : only + 1

const runLane = async (lane: number): Promise<void> => {
  for (let first = only ?? lane; first < end; first += workers * batch) {
    await runShare({
      seed,
      first,
      end: Math.min(end, first + workers * batch),
      step: workers,
      ...(FUZZ_BLOBS === undefined ? {} : { blobs: FUZZ_BLOBS }),
      ...(keep === undefined ? {} : { keep })
    })
  }
}
await Promise.all(Array.from({ length: workers }, (_, lane) => runLane(lane)))
for (const [name, count] of [...outcomes].sort((a, b) => b[1] - a[1]))
  console.log(`${String(count).padStart(8)} ${name}`)
const seconds = ((performance.now() - began) / 1000).toFixed(1)
console.log(`${failures} broken laws; ${seconds} s; at most ${Math.round(peak / 2 ** 20)} MiB in one process`)
if (keep !== undefined) console.log(`the case's bytes are in ${keep}`)
if (peak > ceiling) fail(cases, `a process took more than ${ceiling / 2 ** 20} MiB`)
process.exitCode = failures === 0 ? 0 : 1
