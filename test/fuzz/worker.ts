/** Runs its share of the cases; writes down which has begun, so that the one that never ends is known. */
import { writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import { runBodies } from "./bodies/runBodies.ts"
import { CaseServer } from "./CaseServer.ts"
import { runDocuments } from "./documents/runDocuments.ts"
import { type Kind, kindOf } from "./kinds.ts"
import { runCase } from "./runCase.ts"
import { Sentinel } from "./Sentinel.ts"
import { makeSeeds } from "./seeds.ts"
import type { Case, Verdict } from "./Verdict.ts"

export interface Share {
  readonly seed: string
  /** Cases from `first` up to, not including, `end`, every `step`th. */
  readonly first: number
  readonly end: number
  readonly step: number
  /** Where to extract: empty. */
  readonly outside: string
  /** Descriptor of a file that takes the number of the case that has begun: a message of each costs two processes more. */
  readonly begun: number
  readonly blobs?: string
  /** Default: all, in proportion. */
  readonly kind?: Kind
  /** Where to put the case's bytes, to look at. */
  readonly keep?: string
}

export type Report =
  | { readonly broken: string; readonly number: number }
  | { readonly outcomes: Readonly<Record<string, number>>; readonly rss: number }

const report = (message: Report) => process.send?.(message)

const runCases = async ({ seed, first, end, step, outside, begun, blobs, kind, keep }: Share): Promise<void> => {
  const outcomes: Record<string, number> = {}
  let rss = 0
  const sentinel = new Sentinel(outside)
  const seeds = makeSeeds(blobs)
  const server = await CaseServer.start()
  const run: Readonly<Record<Kind, (at: Case) => Promise<Verdict>>> = {
    layers: (at) => runCase(at, seeds, sentinel),
    documents: (at) => runDocuments(at, server, outside),
    bodies: (at) => runBodies(at, server)
  }
  const current = new Float64Array(1)
  for (let number = first; number < end; number += step) {
    current[0] = number
    writeSync(begun, current, 0, current.byteLength, 0)
    const now = kind ?? kindOf(number)
    const { outcome, broken, kept } = await run[now]({ seed, number })
    const name = `${now}: ${outcome}`
    outcomes[name] = (outcomes[name] ?? 0) + 1
    if (broken !== undefined) report({ broken, number })
    if (keep !== undefined)
      for (const [end, bytes] of Object.entries(kept)) writeFileSync(join(keep, `${number}.${end}`), bytes)
    if (number % 64 < step) rss = Math.max(rss, process.memoryUsage.rss())
    // What a case has left to later ticks, an error among it, is its own, too.
    await setImmediate()
  }
  server.close()
  const broken = sentinel.everything()
  if (broken !== undefined) report({ broken: `outside of the root, at the end: ${broken}`, number: end })
  report({ outcomes, rss })
  process.disconnect?.()
}

process.once("message", (share: Share) => void runCases(share))
