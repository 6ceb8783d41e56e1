/**
 * Mutated layers against the extractor, mutated documents and HTTP bodies against the client. `npm run fuzz` runs 20 000 cases,
 * most of them layers; FUZZ_KIND (`layers`, `documents`, `bodies`) runs one kind. FUZZ_CASES and FUZZ_SEED set how many and
 * which, FUZZ_CASE runs one again and keeps its bytes, FUZZ_BLOBS names a directory with layers of real images.
 */
import { randomBytes } from "node:crypto"
import { mkdtempSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { bundleWorker } from "./bundle.ts"
import { isKind, kinds } from "./kinds.ts"
import { runShare, type Told } from "./runShare.ts"

/** Of one process, bytes. */
const ceiling = 700 * 2 ** 20

const { FUZZ_SEED, FUZZ_CASES = "20000", FUZZ_CASE, FUZZ_BLOBS, FUZZ_KIND } = process.env
const seed = FUZZ_SEED ?? randomBytes(4).toString("hex")
const only = FUZZ_CASE === undefined ? undefined : Number(FUZZ_CASE)
if (FUZZ_KIND !== undefined && !isKind(FUZZ_KIND)) throw new Error(`FUZZ_KIND must be one of ${kinds.join(", ")}`)
const cases = Number(FUZZ_CASES)
const workers = only === undefined ? Math.min(availableParallelism(), 8) : 1
const keep = only === undefined ? undefined : mkdtempSync(join(tmpdir(), "ociflow-fuzz-case-"))

const outcomes = new Map<string, number>()
/** Cases between two words on how far it is. */
const stride = 50_000
let ran = 0
let failures = 0
let peak = 0

const told: Told = {
  fail: (number, what) => {
    failures++
    console.error(
      `case ${number}: ${what}\n  again: ${FUZZ_KIND === undefined ? "" : `FUZZ_KIND=${FUZZ_KIND} `}FUZZ_SEED=${seed} FUZZ_CASE=${number} npm run fuzz`
    )
  },
  done: (report) => {
    peak = Math.max(peak, report.rss)
    const before = ran
    ran += Object.values(report.outcomes).reduce((sum, count) => sum + count, 0)
    if (Math.floor(ran / stride) > Math.floor(before / stride)) console.log(`${ran} cases, ${failures} broken laws`)
    for (const [name, count] of Object.entries(report.outcomes)) outcomes.set(name, (outcomes.get(name) ?? 0) + count)
  }
}

const began = performance.now()
console.log(`${only === undefined ? `${cases} cases` : `case ${only}`} from the seed ${seed}, ${workers} processes`)
const script = bundleWorker()
/** Cases of one process: so many that its start, and the warming of its code, are little of it. */
const batch = 25_000
const end = only === undefined ? cases : only + 1

const runLane = async (lane: number): Promise<void> => {
  for (let first = only ?? lane; first < end; first += workers * batch) {
    const share = {
      seed,
      first,
      end: Math.min(end, first + workers * batch),
      step: workers,
      ...(FUZZ_KIND === undefined ? {} : { kind: FUZZ_KIND }),
      ...(FUZZ_BLOBS === undefined ? {} : { blobs: FUZZ_BLOBS }),
      ...(keep === undefined ? {} : { keep })
    }
    await runShare(script, share, told)
  }
}
await Promise.all(Array.from({ length: workers }, (_, lane) => runLane(lane)))
for (const [name, count] of [...outcomes].sort((a, b) => b[1] - a[1]))
  console.log(`${String(count).padStart(8)} ${name}`)
const seconds = ((performance.now() - began) / 1000).toFixed(1)
console.log(`${failures} broken laws; ${seconds} s; at most ${Math.round(peak / 2 ** 20)} MiB in one process`)
if (keep !== undefined) console.log(`the case's bytes are in ${keep}`)
if (peak > ceiling) told.fail(cases, `a process took more than ${ceiling / 2 ** 20} MiB`)
process.exitCode = failures === 0 ? 0 : 1
